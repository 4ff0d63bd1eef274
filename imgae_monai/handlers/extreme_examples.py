"""The few images of an evaluation that its pictures show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai.utils import convert_to_tensor

_KEPT = 2


def as_example(row: dict[str, Any], output: Mapping[str, Any]) -> dict[str, Any]:
    """An image's row with its first channels of image, reconstruction and anomaly map, plain tensors on the CPU."""
    keys = ("image", "pred", "anomaly_map")
    return {"row": row, **{key: convert_to_tensor(output[key][0], track_meta=False).detach().cpu() for key in keys}}


def keep_extremes(examples: list[dict[str, Any]], highest: bool) -> None:
    """Leave the two with the highest scores, or with the lowest, in a list."""
    examples.sort(key=lambda example: example["row"]["score"], reverse=highest)
    del examples[_KEPT:]

"""What the network is given of an image when only its score is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.transforms import Compose
from monai.utils import convert_to_tensor, ensure_tuple_rep, look_up_option

from imgae_monai.data.unreadable import SkippedImage, skipping
from imgae_monai.exceptions import InputError, UnreadableImage

UNREADABLE = ("fail", "row")


class ScoringTransform:
    """A bundle's preprocessing, with a plain tensor at the end and, if wanted, black for an image that can't be read.

    Without metadata nothing can be brought back to the file's size, and nothing of it is collated. The black image
    keeps its batch as it would have been, so that the others' scores don't depend on it; it is told by its ``reason``.

    Args:
        preprocessing: of dicts with ``image``.
        image_size: size that it brings images to.
        spatial_dims: their number of axes.
        unreadable: ``"fail"``, or ``"row"`` for a black image.

    Raises:
        ValueError: when ``unreadable`` is neither.
    """

    def __init__(
        self, preprocessing: Compose, image_size: int | Sequence[int], spatial_dims: int = 2, unreadable: str = "fail"
    ) -> None:
        self.unreadable = look_up_option(unreadable, UNREADABLE)
        self.preprocessing = skipping(preprocessing, "skip")
        self.shape = (1, *ensure_tuple_rep(image_size, spatial_dims))

    def __call__(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """
        Args:
            item: dict with ``image``, and what else is to be kept.

        Returns:
            the same with the image as a tensor, and with ``reason``: why it can't be read, ``""`` where it can.

        Raises:
            UnreadableImage: when it can't, for ``"fail"``.
        """
        done = self.preprocessing(dict(item))
        if isinstance(done, SkippedImage) and self.unreadable == "fail":
            raise UnreadableImage(
                f"{done.reason} (of a list whose scoring has begun: put it right and start the same command again, or "
                "add --unreadable row)"
            )
        if isinstance(done, SkippedImage):
            return {**item, "image": torch.zeros(self.shape), "reason": done.reason}
        image = convert_to_tensor(done["image"], track_meta=False)
        if tuple(image.shape) != self.shape:
            raise InputError(f"{item['image']} became {tuple(image.shape)}, expected {self.shape}")
        return {**item, "image": image, "reason": ""}

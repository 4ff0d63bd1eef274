"""The metadata of a run: those of its bundle, but of the network that the run has."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

_REQUIRED = {"image_size", "spatial_dims"}
# of a network that also gives the logarithm of a variance, as docs/training.md has it
_VARIANCE = {"channel_def": {"0": "reconstruction", "1": "log variance"}, "value_range": [-10, 1]}


def run_metadata(metadata: Mapping[str, Any], train: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a run's network, by which MONAI's tools (``verify_net_in_out``, MONAI Label, ...) feed it.

    Args:
        metadata: the bundle's, which describe its default network.
        train: the run's ``train.json``.

    Returns:
        a copy with the run's image size, number of axes and output channels; as it was for a config without such ids.
    """
    from monai.bundle import ConfigParser

    described = copy.deepcopy(dict(metadata))
    if not train.keys() >= _REQUIRED:
        return described
    parser = ConfigParser(copy.deepcopy(dict(train)))
    dims = parser.get_parsed_content("spatial_dims")
    if not isinstance(dims, int):  # the network says so when it is built
        return described
    size = [parser.get_parsed_content("image_size")] * dims
    for side in described["network_data_format"].values():
        for tensor in side.values():
            tensor["spatial_shape"] = list(size)
    if "learned_variance" in train and parser.get_parsed_content("learned_variance"):
        for tensor in described["network_data_format"]["outputs"].values():
            tensor.update(num_channels=2, **_VARIANCE)
    return described

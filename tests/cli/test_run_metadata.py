"""A run's metadata describe the network that it has."""

from __future__ import annotations

import json

import pytest

from imgae_monai.cli.run_metadata import run_metadata
from tests.conftest import BUNDLES, REPO


def shapes(metadata):
    data = metadata["network_data_format"]
    return data["inputs"]["image"]["spatial_shape"], data["outputs"]["pred"]["spatial_shape"]


def read(folder, name):
    return json.loads((folder / "configs" / name).read_text())


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_run_is_described_at_its_own_size(bundle, runs):
    metadata = read(runs[bundle], "metadata.json")
    assert shapes(metadata) == ([32, 32], [32, 32])
    own = read(REPO / "bundles" / bundle, "metadata.json")
    assert shapes(own) == ([64, 64], [64, 64])
    for each in (metadata, own):
        del each["network_data_format"]
    assert metadata == own


@pytest.fixture
def bundle():
    folder = REPO / "bundles" / "unet_autoencoder"
    return read(folder, "metadata.json"), read(folder, "train.json")


def test_axes_and_a_learned_variance_are_described(bundle):
    metadata, train = bundle
    described = run_metadata(metadata, {**train, "spatial_dims": 3, "image_size": "$2 * 16", "learned_variance": True})
    assert shapes(described) == ([32, 32, 32], [32, 32, 32])
    output = described["network_data_format"]["outputs"]["pred"]
    assert output["num_channels"] == 2
    assert output["channel_def"] == {"0": "reconstruction", "1": "log variance"}
    assert output["value_range"] == [-10, 1]
    assert described["network_data_format"]["inputs"]["image"]["num_channels"] == 1
    assert shapes(metadata) == ([64, 64], [64, 64])  # a copy


@pytest.mark.parametrize("other", [{"image_size": None}, {"spatial_dims": "three"}])
def test_what_is_no_size_is_left_to_the_network(other, bundle):
    metadata, train = bundle
    config = {key: value for key, value in {**train, **other}.items() if value is not None}
    assert run_metadata(metadata, config) == metadata

from __future__ import annotations

import dataclasses

import pytest
import torch
from monai.data import MetaTensor

from imgae_monai.transforms import ScaledMap, ScaledMapd
from tests.handlers.test_prediction_writer import CALIBRATION


def test_bytes_by_hand():
    """Of 0.5 is 255: 0.1 is 51, 0.15 is 76.5, whose even neighbour is 76; below 0 and above 0.5 there is nothing."""
    scaled = ScaledMap(0.5)(torch.tensor([[[-0.1, 0.0, 0.1, 0.15, 0.5, 7.0]]], dtype=torch.float64))
    assert scaled.dtype == torch.uint8
    assert scaled.tolist() == [[[0, 0, 51, 76, 255, 255]]]


def test_a_limit_of_zero_shows_any_residual():
    assert ScaledMap(0.0)(torch.tensor([[[0.0, 1e-6]]])).tolist() == [[[0, 255]]]


def test_the_dictionary_goes_by_the_calibration_and_keeps_metadata():
    calibration = dataclasses.replace(CALIBRATION, map_limit=2.0)
    found = ScaledMapd("anomaly_map", calibration)({"anomaly_map": MetaTensor(torch.ones(1, 1, 1), meta={"a": 1})})
    assert found["anomaly_map"].tolist() == [[[128]]]
    assert found["anomaly_map"].meta["a"] == 1


def test_a_missing_map_is_named():
    with pytest.raises(KeyError, match="anomaly_map"):
        ScaledMapd("anomaly_map", CALIBRATION)({})

from __future__ import annotations

import dataclasses

import pytest
import torch
from monai.data import MetaTensor

from imgae_monai.exceptions import InputError
from imgae_monai.transforms import AnomalyMask, AnomalyMaskd
from tests.handlers.test_prediction_writer import CALIBRATION


def test_the_threshold_itself_is_normal():
    mask = AnomalyMask(0.5)(torch.tensor([[[0.2, 0.5, 0.50001]]]))
    assert mask.dtype == torch.uint8
    assert mask.tolist() == [[[0, 0, 1]]]


def test_the_dictionary_takes_the_pixels_threshold_not_the_images():
    calibration = dataclasses.replace(CALIBRATION, threshold=0.1, pixel_threshold=0.3)
    data = {"anomaly_map": MetaTensor([[[0.2, 0.4]]], meta={"a": 1})}
    found = AnomalyMaskd("anomaly_map", calibration, output_key="pred")(data)
    assert found["pred"].tolist() == [[[0, 1]]]
    assert found["pred"].meta["a"] == 1
    assert found["anomaly_map"] is data["anomaly_map"]


def test_a_calibration_of_an_earlier_version_is_refused():
    with pytest.raises(InputError, match=r"no threshold of a pixel.*imgae-monai calibrate RUN"):
        AnomalyMaskd("anomaly_map", CALIBRATION)({"anomaly_map": torch.zeros(1, 1, 1)})


def test_one_map_at_a_time():
    with pytest.raises(ValueError, match=r"one map, got \('a', 'b'\)"):
        AnomalyMaskd(["a", "b"], CALIBRATION)

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from imgae_monai.transforms import AnomalyRecordd
from tests.handlers.test_prediction_writer import CALIBRATION

KNOWN = dataclasses.replace(CALIBRATION, pixel_threshold=0.3)
MASK = torch.tensor([[[0, 0, 0, 1]]], dtype=torch.uint8)


@pytest.mark.parametrize(("score", "decision"), [(0.5, "normal"), (0.5000001, "abnormal")])
def test_decides_as_predict_does(score, decision):
    data = {"score": torch.tensor(score, dtype=torch.float64), "pred": MASK}
    found = AnomalyRecordd("score", KNOWN, synthetic=True)(data)["result"]
    assert json.loads(json.dumps(found)) == {
        "score": score,
        "threshold": 0.5,
        "decision": decision,
        "score_name": "l1-mean",
        "specificity": 0.9,
        "pixel_threshold": 0.3,
        "map_limit": 0.75,
        "abnormal_pixels": 0.25,
        "trained_on_synthetic": True,
        "use": "Research only; not for clinical use",
    }


def test_says_nothing_of_phantoms_where_that_is_not_known():
    data = {"score": torch.tensor(0.1), "pred": MASK}
    assert AnomalyRecordd("score", KNOWN)(data)["result"]["trained_on_synthetic"] is None


def test_one_score_at_a_time():
    with pytest.raises(ValueError, match="one score"):
        AnomalyRecordd(["a", "b"], KNOWN)

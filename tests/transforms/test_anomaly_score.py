from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from imgae_monai.transforms import AnomalyScore, AnomalyScored
from imgae_monai.transforms.anomaly_score import AnomalyScoreD, AnomalyScoreDict

MAP = torch.tensor([[[3.0, 0.0, 1.0, 9.0, 4.0], [2.0, 8.0, 6.0, 7.0, 5.0]]])  # 0 to 9


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, 4.5),
        ({"reduction": "mean"}, 4.5),
        ({"reduction": "max"}, 9.0),
        ({"reduction": "top", "top_fraction": 0.1}, 9.0),
        ({"reduction": "top", "top_fraction": 0.3}, 8.0),
        ({"reduction": "top", "top_fraction": 1.0}, 4.5),
        ({"reduction": "top", "top_fraction": 1}, 4.5),
    ],
)
def test_by_hand(arguments, expected):
    assert AnomalyScore(**arguments)(MAP).item() == expected


@pytest.mark.parametrize("top_fraction", [1e-9, 0.01, 0.04])
def test_top_takes_at_least_one_pixel(top_fraction):
    assert AnomalyScore("top", top_fraction)(MAP).item() == 9.0


@pytest.mark.parametrize("reduction", ["mean", "max", "top"])
def test_score_is_raw(reduction):
    """Neither clamped to [0, 1] nor rescaled: that would move the AUROC."""
    low, high = (AnomalyScore(reduction, 0.5)(torch.full((1, 2, 2), value)).item() for value in (-3.0, 40.0))
    assert (low, high) == (-3.0, 40.0)


def test_mean_is_taken_in_double_precision():
    values = np.random.default_rng(0).random((1, 64, 64), dtype=np.float32)
    score = AnomalyScore("mean")(torch.from_numpy(values))
    assert score.dtype == torch.float64
    assert score.item() == pytest.approx(math.fsum(values.ravel().tolist()) / values.size, rel=1e-14)


@pytest.mark.parametrize(("reduction", "expected"), [("mean", 3.5), ("max", 7.0), ("top", 6.5)])
def test_volume(reduction, expected):
    assert AnomalyScore(reduction, 0.25)(torch.arange(8.0).reshape(1, 2, 2, 2)).item() == expected


def test_score_is_a_plain_number_without_metadata():
    score = AnomalyScore()(MetaTensor(MAP, meta={"filename_or_obj": "a.png"}))
    assert type(score) is torch.Tensor
    assert score.shape == ()


@pytest.mark.parametrize("top_fraction", [0, -0.1, 1.01, float("nan")])
@pytest.mark.parametrize("build", [AnomalyScore, AnomalyScored])
def test_top_fraction_out_of_range_is_refused(build, top_fraction):
    with pytest.raises(ValueError, match=rf"top_fraction must be in \(0, 1\], got {top_fraction}"):
        build(reduction="top", top_fraction=top_fraction)


def test_unknown_reduction_suggests_the_spelling():
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        AnomalyScore("meen")


def test_dictionary_version_adds_the_score():
    data = {"anomaly_map": MAP, "label": 1}
    out = AnomalyScored(reduction="top", top_fraction=0.2)(data)
    assert out["score"].item() == 8.5
    assert set(out) == {"anomaly_map", "label", "score"}
    assert set(data) == {"anomaly_map", "label"}


def test_dictionary_version_takes_other_keys():
    assert AnomalyScored("heat", output_key="anomaly", reduction="max")({"heat": MAP})["anomaly"].item() == 9.0


def test_dictionary_version_and_missing_keys():
    with pytest.raises(KeyError, match="anomaly_map"):
        AnomalyScored()({"image": MAP})
    assert set(AnomalyScored(allow_missing_keys=True)({"image": MAP})) == {"image"}


def test_dictionary_version_takes_one_map():
    with pytest.raises(ValueError, match=r"keys must name one anomaly map, got \('a', 'b'\)"):
        AnomalyScored(["a", "b"])


def test_aliases_are_the_dictionary_version():
    assert AnomalyScoreD is AnomalyScoreDict is AnomalyScored

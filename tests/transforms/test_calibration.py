from __future__ import annotations

import dataclasses
import json
import pickle
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from imgae_monai.exceptions import InputError
from imgae_monai.transforms import Calibration, ScoreDefinition, ZScoreMap, ZScoreMapd, normal_quantile
from imgae_monai.transforms.calibration import ZScoreMapD, ZScoreMapDict

SCORE = ScoreDefinition("l2", smoothing_sigma=1.5, z_score=True, reduction="top", top_fraction=0.05)


@pytest.fixture
def calibration() -> Calibration:
    return Calibration(
        threshold=0.25,
        specificity=0.95,
        mean=torch.arange(6.0).reshape(1, 2, 3),
        std=torch.full((1, 2, 3), 2.0),
        map_limit=7.5,
        n_images=40,
        score=SCORE,
        checkpoint_sha256="abc",
        data_fingerprint="def",
        pixel_threshold=0.5,
        normal_scores=(0.125, 0.25),
    )


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("n", [20, 21, 39, 40, 41, 59, 100, 134, 999])
@pytest.mark.parametrize("specificity", [0.5, 0.8, 0.9, 0.95])
def test_at_least_the_asked_share_of_normals_is_at_or_below(n, specificity):
    scores = np.random.default_rng(n).random(n)
    threshold = normal_quantile(scores, specificity)
    share = np.mean(scores <= threshold)
    assert threshold in scores
    assert specificity <= share < specificity + 2 / n


def test_order_of_the_scores_does_not_matter():
    scores = np.arange(40.0)
    shuffled = np.random.default_rng(0).permutation(scores)
    assert normal_quantile(shuffled, 0.9) == normal_quantile(scores, 0.9)


def test_ties_put_every_normal_at_the_threshold():
    assert normal_quantile(np.full(50, 0.125), 0.95) == 0.125


def test_ties_never_lower_the_share():
    scores = np.repeat([0.0, 1.0, 2.0], [10, 80, 10])
    assert normal_quantile(scores, 0.9) >= 1.0
    assert normal_quantile(scores, 0.95) == 2.0


@pytest.mark.parametrize(("specificity", "needed"), [(0.5, 2), (0.9, 10), (0.95, 20), (0.99, 100), (0.999, 1000)])
def test_too_few_images_are_refused_with_the_number_needed(specificity, needed):
    share = f"{specificity:.1%}"
    message = f"a threshold at {share} specificity needs at least {needed} normal validation images, got {needed - 1}:"
    with pytest.raises(InputError, match=message):
        normal_quantile(np.arange(needed - 1.0), specificity)
    assert normal_quantile(np.arange(1.0 * needed), specificity) >= needed - 2


def test_no_image_at_all_is_refused():
    with pytest.raises(InputError, match="needs at least 20 normal validation images, got 0"):
        normal_quantile(np.array([]), 0.95)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_refused(bad):
    scores = np.arange(100.0)
    scores[7] = bad
    with pytest.raises(InputError, match="a normal validation image has a score that is not finite"):
        normal_quantile(scores, 0.95)


@pytest.mark.parametrize("specificity", [0, 1, -0.1, 95, float("nan")])
def test_specificity_out_of_range_is_refused(specificity):
    with pytest.raises(ValueError, match=rf"specificity must be in \(0, 1\), got {specificity}"):
        normal_quantile(np.arange(100.0), specificity)


def test_z_score_by_hand():
    mean, std = torch.tensor([[[1.0, 2.0], [3.0, 0.0]]]), torch.tensor([[[0.5, 1.0], [2.0, 0.5]]])
    out = ZScoreMap(mean, std)(torch.tensor([[[2.0, 2.0], [2.0, 0.25]]]))
    assert torch.equal(out, torch.tensor([[[2.0, 0.0], [-0.5, 0.5]]]))


def test_pixels_that_hardly_vary_are_divided_by_the_floor():
    std = torch.tensor([[[1.0, 1.0, 2.0, 0.0]]])  # mean 1
    image = torch.full((1, 1, 4), 0.5)
    zero = torch.zeros(1, 1, 4)
    torch.testing.assert_close(ZScoreMap(zero, std)(image), torch.tensor([[[0.5, 0.5, 0.25, 5.0]]]))
    torch.testing.assert_close(ZScoreMap(zero, std, floor_fraction=0.5)(image), torch.tensor([[[0.5, 0.5, 0.25, 1.0]]]))


def test_a_map_that_never_varies_stays_finite():
    out = ZScoreMap(torch.ones(1, 2, 2), torch.zeros(1, 2, 2))(torch.ones(1, 2, 2))
    assert torch.equal(out, torch.zeros(1, 2, 2))
    assert ZScoreMap(torch.ones(1, 2, 2), torch.zeros(1, 2, 2))(torch.full((1, 2, 2), 2.0)).isfinite().all()


def test_z_score_keeps_precision_and_metadata():
    z_score = ZScoreMap(torch.zeros(1, 2, 2), torch.ones(1, 2, 2))
    assert z_score(torch.ones(1, 2, 2, dtype=torch.float64)).dtype == torch.float64
    tracked = z_score(MetaTensor(torch.ones(1, 2, 2), meta={"filename_or_obj": "a.png"}))
    assert tracked.meta["filename_or_obj"] == "a.png"


def test_z_score_refuses_shapes_that_differ():
    with pytest.raises(ValueError, match=r"mean \(1, 2, 2\) and std \(1, 2, 3\) differ in shape"):
        ZScoreMap(torch.zeros(1, 2, 2), torch.ones(1, 2, 3))
    with pytest.raises(ValueError, match=r"map \(1, 4, 4\) and calibration \(1, 2, 2\) differ in shape"):
        ZScoreMap(torch.zeros(1, 2, 2), torch.ones(1, 2, 2))(torch.zeros(1, 4, 4))


def test_dictionary_version_takes_mean_and_std_from_a_calibration(calibration):
    data = {"anomaly_map": torch.full((1, 2, 3), 4.0), "label": 0}
    out = ZScoreMapd("anomaly_map", calibration)(data)
    assert torch.equal(out["anomaly_map"], torch.tensor([[[2.0, 1.5, 1.0], [0.5, 0.0, -0.5]]]))
    assert torch.equal(data["anomaly_map"], torch.full((1, 2, 3), 4.0))
    with pytest.raises(KeyError, match="anomaly_map"):
        ZScoreMapd("anomaly_map", calibration)({"label": 0})
    assert ZScoreMapd("anomaly_map", calibration, allow_missing_keys=True)({"label": 0}) == {"label": 0}


def test_dictionary_version_reads_the_calibration_at_its_first_call():
    late = types.SimpleNamespace()
    z_score = ZScoreMapd("anomaly_map", late)
    late.mean, late.std = torch.ones(1, 1, 1), torch.full((1, 1, 1), 2.0)
    assert z_score({"anomaly_map": torch.full((1, 1, 1), 4.0)})["anomaly_map"].item() == 1.5


def test_aliases_are_the_dictionary_version():
    assert ZScoreMapD is ZScoreMapDict is ZScoreMapd


def test_calibration_survives_the_round_trip(calibration, tmp_path):
    path = tmp_path / "calibration.pt"
    calibration.save(path)
    loaded = Calibration.load(path, SCORE, "abc")
    for field in dataclasses.fields(Calibration):
        expected, found = getattr(calibration, field.name), getattr(loaded, field.name)
        assert torch.equal(expected, found) if field.name in ("mean", "std") else expected == found, field.name
    assert isinstance(loaded.score, ScoreDefinition)


def test_calibration_file_holds_data_only(calibration, tmp_path):
    calibration.save(tmp_path / "calibration.pt")
    stored = torch.load(tmp_path / "calibration.pt", weights_only=True)
    assert stored["threshold"] == 0.25
    assert stored["score"]["residual"] == "l2"


def test_summary_is_json_without_the_maps(calibration):
    summary = json.loads(json.dumps(calibration.summary()))
    assert summary == {
        "threshold": 0.25,
        "specificity": 0.95,
        "map_limit": 7.5,
        "n_images": 40,
        "members_sha256": None,
        "score": {
            "residual": "l2",
            "smoothing_sigma": 1.5,
            "z_score": True,
            "reduction": "top",
            "top_fraction": 0.05,
            "two_sided": False,
            "combine": [],
            "residual_clahe": False,
        },
        "checkpoint_sha256": "abc",
        "data_fingerprint": "def",
        "pixel_threshold": 0.5,
    }


@pytest.mark.parametrize(
    "change", [{"residual": "l1"}, {"residual_clahe": True}, {"smoothing_sigma": 2.0}, {"z_score": False}]
)
def test_a_calibration_for_another_score_is_refused(calibration, tmp_path, change):
    calibration.save(tmp_path / "calibration.pt")
    other = dataclasses.replace(SCORE, **change)
    with pytest.raises(InputError, match=r"is for the score ScoreDefinition\(residual='l2'.*asked for is ScoreDefin"):
        Calibration.load(tmp_path / "calibration.pt", other, "abc")


def test_a_calibration_of_other_weights_is_refused(calibration, tmp_path):
    calibration.save(tmp_path / "calibration.pt")
    with pytest.raises(InputError, match=r"was made with other weights than the checkpoint beside it; make one"):
        Calibration.load(tmp_path / "calibration.pt", SCORE, "abd")


def test_a_missing_calibration_is_explained(tmp_path):
    message = r"no calibration for the score 'l2-sigma1.5-z-top0.05' at .*none\.pt; make one .*imgae-monai calibrate"
    with pytest.raises(InputError, match=message):
        Calibration.load(tmp_path / "none.pt", SCORE, "abc")


@pytest.mark.parametrize("cut", [0, 1, 100, 1000])
def test_a_corrupt_calibration_is_refused(calibration, tmp_path, cut):
    path = tmp_path / "calibration.pt"
    calibration.save(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"calibration\.pt is not a readable calibration \(\w+\); make one"):
        Calibration.load(path, SCORE, "abc")


@pytest.mark.parametrize("content", [{"threshold": 0.5}, {"score": {"colour": "red"}}, [1, 2], torch.zeros(3)])
def test_another_kind_of_file_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt is not a readable calibration"):
        Calibration.load(tmp_path / "other.pt", SCORE, "abc")


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_code_in_a_calibration_file_is_not_run(tmp_path, form):
    path, trace = tmp_path / "calibration.pt", tmp_path / "trace"
    if form == "torch":
        torch.save({"threshold": Touch(trace)}, path)
        torch.load(path, weights_only=False)
    else:
        path.write_bytes(pickle.dumps({"threshold": Touch(trace)}, protocol=2))
        pickle.loads(path.read_bytes())
    assert trace.exists()  # the file is malicious indeed
    trace.unlink()
    with pytest.raises(InputError, match=r"is not a readable calibration \(UnpicklingError\)"):
        Calibration.load(path, SCORE, "abc")
    assert not trace.exists()

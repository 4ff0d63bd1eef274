from __future__ import annotations

import copy
import dataclasses
import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose
from torch import nn

from imgae_monai.data.datalist import Datalist
from imgae_monai.engines import Calibrator, StoredCalibration, calibration_path, load_calibration
from imgae_monai.exceptions import InputError
from imgae_monai.transforms import Calibration, ResidualMapd, ScoreDefinition

SHAPE = (1, 4, 5)
N = 25
DATALIST = Datalist([{"sha256": "a", "label": 0, "split": "val", "patient_id": "p"}], "somewhere", False)
REDUCTIONS = [("mean", 0.01), ("max", 0.01), ("top", 0.2)]
FIELDS = (
    "threshold",
    "specificity",
    "map_limit",
    "n_images",
    "score",
    "checkpoint_sha256",
    "data_fingerprint",
    "pixel_threshold",
    "normal_scores",
)


class Zero(nn.Module):
    """Gives 0, so that an image is its own residual, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return torch.zeros_like(x)


def normal_maps(n: int = N, seed: int = 0) -> np.ndarray:
    """Residuals with a structure of their own: some pixels vary more than others, and one is always 0."""
    rng = np.random.default_rng(seed)
    maps = rng.gamma(2.0, rng.uniform(0.01, 0.1, SHAPE), size=(n, *SHAPE))
    maps[:, 0, 0, 0] = 0
    return maps.astype(np.float32)


def evaluator_of(maps: np.ndarray, labels: list[int] | None = None, track_meta: bool = False) -> SupervisedEvaluator:
    images = [MetaTensor(torch.from_numpy(m)) if track_meta else torch.from_numpy(m) for m in maps]
    items = [{"image": i, "label": label} for i, label in zip(images, labels or [0] * len(maps), strict=True)]
    return SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader(Dataset(items), batch_size=4),
        network=Zero(),
        postprocessing=Compose([ResidualMapd()]),
    )


def calibrator_of(folder: Path, evaluator: SupervisedEvaluator, score=None, specificity: float = 0.9) -> Calibrator:
    (folder / "model.pt").write_bytes(b"the weights")
    return Calibrator(evaluator, score or ScoreDefinition("l1"), specificity, folder, DATALIST)


def reduced(array: np.ndarray, reduction: str, top_fraction: float) -> float:
    values = np.sort(array.ravel())
    n = {"mean": values.size, "max": 1, "top": round(top_fraction * values.size)}[reduction]
    return float(values[-n:].mean())


def smallest_with_share(values: list[float], specificity: float) -> float:
    return next(v for v in sorted(values) if np.mean(np.asarray(values) <= v) >= specificity)


def standardised(array: np.ndarray, normals: np.ndarray) -> np.ndarray:
    std = normals.std(axis=0, ddof=1)
    return (array - normals.mean(axis=0)) / np.maximum(std, 0.1 * std.mean())


def left_out(maps: np.ndarray) -> list[np.ndarray]:
    """Each map standardised by the others, one by one."""
    maps = maps.astype(np.float64)
    return [standardised(array, np.delete(maps, i, axis=0)) for i, array in enumerate(maps)]


@pytest.mark.parametrize(("reduction", "top_fraction"), REDUCTIONS)
@pytest.mark.parametrize("specificity", [0.5, 0.75, 0.9])
def test_threshold_and_statistics_are_those_of_the_maps(reduction, top_fraction, specificity, tmp_path):
    maps = normal_maps()
    score = ScoreDefinition("l1", reduction=reduction, top_fraction=top_fraction)
    calibration = calibrator_of(tmp_path, evaluator_of(maps), score, specificity).run()
    scores = [reduced(array, reduction, top_fraction) for array in maps.astype(np.float64)]
    assert calibration.threshold == pytest.approx(smallest_with_share(scores, specificity), rel=1e-9)
    assert calibration.map_limit == pytest.approx(smallest_with_share([m.max() for m in maps], specificity), rel=1e-9)
    np.testing.assert_allclose(calibration.mean.numpy(), maps.mean(axis=0, dtype=np.float64), rtol=1e-6, atol=1e-9)
    std = maps.std(axis=0, ddof=1, dtype=np.float64)
    np.testing.assert_allclose(calibration.std.numpy(), std, rtol=1e-5, atol=1e-9)
    assert (calibration.n_images, calibration.specificity, calibration.score) == (N, specificity, score)
    assert calibration.checkpoint_sha256 == hashlib.sha256(b"the weights").hexdigest()
    assert calibration.data_fingerprint == hashlib.sha256(b"a 0 val p").hexdigest()


@pytest.mark.parametrize(("reduction", "top_fraction"), REDUCTIONS)
@pytest.mark.parametrize("specificity", [0.5, 0.75, 0.9])
def test_z_scores_leave_the_image_itself_out(reduction, top_fraction, specificity, tmp_path):
    maps = normal_maps()
    score = ScoreDefinition("l1", z_score=True, reduction=reduction, top_fraction=top_fraction)
    calibration = calibrator_of(tmp_path, evaluator_of(maps), score, specificity).run()
    z_maps = left_out(maps)
    scores = [reduced(array, reduction, top_fraction) for array in z_maps]
    assert calibration.threshold == pytest.approx(smallest_with_share(scores, specificity), rel=1e-6)
    limit = smallest_with_share([array.max() for array in z_maps], specificity)
    assert calibration.map_limit == pytest.approx(limit, rel=1e-6)
    np.testing.assert_allclose(calibration.mean.numpy(), maps.mean(axis=0, dtype=np.float64), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("z_score", [False, True])
@pytest.mark.parametrize("specificity", [0.5, 0.9])
def test_the_threshold_of_a_pixel_is_a_quantile_of_all_pixels(z_score, specificity, tmp_path):
    maps = normal_maps()
    calibration = calibrator_of(tmp_path, evaluator_of(maps), ScoreDefinition("l1", z_score=z_score), specificity).run()
    pixels = np.concatenate([array.ravel() for array in (left_out(maps) if z_score else maps.astype(np.float64))])
    expected = np.quantile(pixels, specificity, method="higher")
    assert calibration.pixel_threshold == pytest.approx(expected, rel=1e-6)
    assert specificity <= (pixels <= calibration.pixel_threshold * (1 + 1e-6)).mean() < specificity + 0.01


@pytest.mark.parametrize("z_score", [False, True])
def test_scores_are_kept_in_ascending_order(z_score, tmp_path):
    maps = normal_maps()
    calibration = calibrator_of(tmp_path, evaluator_of(maps), ScoreDefinition("l1", z_score=z_score)).run()
    scores = [array.mean() for array in (left_out(maps) if z_score else maps.astype(np.float64))]
    np.testing.assert_allclose(calibration.normal_scores, sorted(scores), rtol=1e-6, atol=1e-9)
    assert calibration.threshold in calibration.normal_scores


def test_pixels_are_taken_from_everywhere_and_in_bounds(tmp_path, monkeypatch):
    sampled = []
    monkeypatch.setattr(
        "imgae_monai.engines.calibrator.normal_quantile", lambda values, specificity: sampled.append(values) or 0.0
    )
    # every pixel says where it is
    maps = np.arange(64 * 64, dtype=np.float32).reshape(1, 1, 64, 64).repeat(N, axis=0)
    calibrator_of(tmp_path, evaluator_of(maps)).run()
    pixels = next(values for values in sampled if len(values) > N)
    assert 700 * N < len(pixels) <= 1024 * N
    assert {*pixels.astype(int)} == {*range(64 * 64)}
    assert np.bincount(pixels.astype(int) % 64).std() < 0.02 * len(pixels) / 64
    monkeypatch.setattr("imgae_monai.engines.normal_pass._PIXELS", 100 * N)
    sampled.clear()
    calibrator_of(tmp_path, evaluator_of(maps)).run()
    assert any(90 * N < len(values) <= 100 * N for values in sampled)


def test_a_calibration_of_an_earlier_version_stays_usable(tmp_path):
    calibrator_of(tmp_path, evaluator_of(normal_maps())).run()
    path = calibration_path(tmp_path, ScoreDefinition("l1"))
    stored = torch.load(path, weights_only=True)
    del stored["pixel_threshold"], stored["normal_scores"]
    torch.save(stored, path)
    loaded = load_calibration(tmp_path, ScoreDefinition("l1"))
    assert (loaded.pixel_threshold, loaded.normal_scores) == (None, ())
    assert loaded.summary()["pixel_threshold"] is None


def test_each_leave_one_out_score_equals_the_brute_force_one(tmp_path, monkeypatch):
    maps = normal_maps()
    seen = []
    monkeypatch.setattr(
        "imgae_monai.engines.calibrator.normal_quantile", lambda scores, specificity: seen.append(scores.copy()) or 0.0
    )
    calibrator_of(tmp_path, evaluator_of(maps), ScoreDefinition("l1", z_score=True)).run()
    z_maps = left_out(maps)
    np.testing.assert_allclose(seen[0], [array.mean() for array in z_maps], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(seen[1], [array.max() for array in z_maps], rtol=1e-6)


def test_a_threshold_from_the_images_own_statistics_would_be_lower(tmp_path):
    maps = normal_maps(11)
    score = ScoreDefinition("l1", z_score=True, reduction="max")
    calibration = calibrator_of(tmp_path, evaluator_of(maps), score).run()
    naive = [standardised(array, maps.astype(np.float64)).max() for array in maps.astype(np.float64)]
    assert smallest_with_share(naive, 0.9) < 0.9 * calibration.threshold


@pytest.mark.parametrize("position", [0, 13, N - 1])
def test_an_abnormal_image_is_refused(position, tmp_path):
    labels = [0] * N
    labels[position] = 1
    with pytest.raises(InputError, match="calibration takes normal images only, got an abnormal one"):
        calibrator_of(tmp_path, evaluator_of(normal_maps(), labels)).run()
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt"}


@pytest.mark.parametrize(("n", "specificity", "needed"), [(9, 0.9, 10), (19, 0.95, 20), (99, 0.99, 100)])
def test_too_few_images_are_refused_before_any_is_seen(n, specificity, needed, tmp_path):
    evaluator = evaluator_of(normal_maps(n))
    with pytest.raises(InputError, match=f"needs at least {needed} normal validation images, got {n}: give more"):
        Calibrator(evaluator, ScoreDefinition("l1"), specificity, tmp_path, DATALIST)
    assert evaluator.network.calls == 0
    Calibrator(evaluator_of(normal_maps(needed)), ScoreDefinition("l1"), specificity, tmp_path, DATALIST)


@pytest.mark.parametrize("specificity", [0.0, 1.0, 95])
def test_a_specificity_out_of_range_is_refused(specificity, tmp_path):
    with pytest.raises(ValueError, match=rf"specificity must be in \(0, 1\), got {specificity}"):
        Calibrator(evaluator_of(normal_maps()), ScoreDefinition("l1"), specificity, tmp_path, DATALIST)


def test_a_standard_deviation_of_one_other_image_is_refused(tmp_path):
    with pytest.raises(InputError, match="a z-scored map needs at least 3 normal validation images, got 2"):
        calibrator_of(tmp_path, evaluator_of(normal_maps(2)), ScoreDefinition("l1", z_score=True), 0.5).run()
    assert calibrator_of(tmp_path, evaluator_of(normal_maps(3)), ScoreDefinition("l1", z_score=True), 0.5).run()


def test_images_are_not_counted_twice_by_a_second_run(tmp_path):
    evaluator = evaluator_of(normal_maps())
    calibrator = calibrator_of(tmp_path, evaluator, ScoreDefinition("l1", z_score=True))
    first, second = calibrator.run(), calibrator.run()
    assert torch.equal(first.mean, second.mean)
    assert first.summary() == second.summary()
    assert evaluator.network.calls == 2 * 2 * 7  # two runs of two passes of seven batches


def test_the_evaluator_keeps_no_handler(tmp_path):
    evaluator = evaluator_of(normal_maps(), [0] * (N - 1) + [1])
    calibrator = calibrator_of(tmp_path, evaluator)
    with pytest.raises(InputError, match="normal images only"):
        calibrator.run()
    assert not evaluator._event_handlers[Events.ITERATION_COMPLETED]


def test_a_missing_checkpoint_is_named(tmp_path):
    calibrator = calibrator_of(tmp_path, evaluator_of(normal_maps()))
    (tmp_path / "model.pt").unlink()
    with pytest.raises(InputError, match=f"cannot read {tmp_path / 'model.pt'}"):
        calibrator.run()


SCORES = {
    "calibration-l1-mean.pt": ScoreDefinition("l1"),
    "calibration-l1-z-mean.pt": ScoreDefinition("l1", z_score=True),
    "calibration-l2-sigma1.5-max.pt": ScoreDefinition("l2", smoothing_sigma=1.5, reduction="max"),
    "calibration-l1-top0.2.pt": ScoreDefinition("l1", reduction="top", top_fraction=0.2),
}


def test_each_score_has_a_file_of_its_own(tmp_path):
    for name, score in SCORES.items():
        assert calibration_path(tmp_path, score) == tmp_path / name
        calibrator_of(tmp_path, evaluator_of(normal_maps()), score).run()
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt", *SCORES}


def same(first: Calibration, second: Calibration) -> bool:
    plain = all(getattr(first, name) == getattr(second, name) for name in FIELDS)
    return plain and torch.equal(first.mean, second.mean) and torch.equal(first.std, second.std)


@pytest.mark.parametrize("track_meta", [False, True])
@pytest.mark.parametrize("score", SCORES.values(), ids=SCORES.keys())
def test_what_is_saved_can_be_loaded(score, track_meta, tmp_path):
    evaluator = evaluator_of(normal_maps(), track_meta=track_meta)
    calibration = calibrator_of(tmp_path, evaluator, score).run()
    loaded = load_calibration(tmp_path, score)
    assert same(loaded, calibration)
    assert loaded.mean.shape == loaded.std.shape == SHAPE
    stored = torch.load(calibration_path(tmp_path, score), weights_only=True)
    assert stored.keys() == {field.name for field in dataclasses.fields(Calibration)}
    assert {type(stored["mean"]), type(stored["std"])} == {torch.Tensor}


def test_without_a_model_nothing_is_loaded(tmp_path):
    calibrator_of(tmp_path, evaluator_of(normal_maps())).run()
    (tmp_path / "model.pt").unlink()
    with pytest.raises(InputError, match=f"no checkpoint at {tmp_path / 'model.pt'}: train first"):
        load_calibration(tmp_path, ScoreDefinition("l1"))


def test_weights_that_changed_since_are_refused(tmp_path):
    calibrator_of(tmp_path, evaluator_of(normal_maps())).run()
    (tmp_path / "model.pt").write_bytes(b"other weights")
    path = calibration_path(tmp_path, ScoreDefinition("l1"))
    with pytest.raises(InputError, match=f"{path} was made with other weights than the checkpoint beside it"):
        load_calibration(tmp_path, ScoreDefinition("l1"))


def test_a_score_that_was_not_calibrated_is_named(tmp_path):
    calibrator_of(tmp_path, evaluator_of(normal_maps())).run()
    with pytest.raises(InputError, match=r"no calibration for the score 'l2-max' at .*calibration-l2-max\.pt"):
        load_calibration(tmp_path, ScoreDefinition("l2", reduction="max"))


def test_a_stored_calibration_is_read_once_and_late(tmp_path):
    stored = StoredCalibration(tmp_path, ScoreDefinition("l1"))
    copied = pickle.loads(pickle.dumps(copy.deepcopy(stored)))
    with pytest.raises(InputError, match="no checkpoint at"):
        stored.threshold  # noqa: B018
    calibration = calibrator_of(tmp_path, evaluator_of(normal_maps())).run()
    assert same(stored, calibration)
    assert stored.summary() == calibration.summary()
    (tmp_path / "model.pt").write_bytes(b"other weights")
    assert stored.threshold == calibration.threshold
    with pytest.raises(InputError, match="was made with other weights"):
        copied.threshold  # noqa: B018
    with pytest.raises(AttributeError, match="no_field"):
        stored.no_field  # noqa: B018

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch

from imgae_monai.engines import load_calibration
from imgae_monai.exceptions import InputError
from imgae_monai.selection import SelectionRun, corruption_families, parse_score, score_copies, split_halves
from imgae_monai.selection.normal_statistics import NormalStatistics
from imgae_monai.transforms import CLAHE, AnomalyScore, RandAcquisitiond, ScoreDefinition, ZScoreMap
from imgae_monai.transforms.combination import Combination
from imgae_monai.transforms.gaussian import Gaussian

FAMILIES = {name: corruption_families()[name] for name in ("haze", "foreign_patch")}
SCORES = ["l1-mean", "l1-z-top0.1", "ssim-mean", "l1-z-mean-two_sided", "l1-mean+ssim-mean", "l1-mean+latent-two_sided"]


@pytest.fixture(scope="module")
def definitions() -> dict[str, ScoreDefinition]:
    return {label: parse_score(label) for label in SCORES}


@pytest.fixture(scope="module")
def found(loaded, items, definitions):
    copies = score_copies(loaded, items, list(definitions.values()), FAMILIES, n_copies=2, seed=0)
    return {label: copies[score.name] for label, score in definitions.items()}


def test_halves_are_of_one_size_and_patients_whole():
    patients = [f"p{i // 2}" for i in range(40)]
    halves = split_halves(patients, seed=0)
    assert halves.sum() == 20
    assert all(halves[i] == halves[i + 1] for i in range(0, 40, 2))
    assert np.array_equal(split_halves(patients[::-1], seed=0), halves[::-1])
    assert not np.array_equal(split_halves(patients, seed=1), halves)
    with pytest.raises(InputError, match="at least 8 patients, got 7"):
        split_halves(patients[:14], seed=0)


def test_clean_images_score_as_in_calibration(loaded, items, found):
    """The calibration, which training made by its own engine, kept the scores of the very images."""
    calibration = load_calibration(loaded.checkpoint.parent, ScoreDefinition())
    assert len(items) == calibration.n_images
    assert sorted(found["l1-mean"].clean) == pytest.approx(calibration.normal_scores, rel=1e-4)


def test_a_copy_is_scored_like_an_image_by_what_the_other_half_taught(loaded, items, found):
    halves, images = found["l1-mean"].halves, [loaded.load(item) for item in items]

    def l1(image: torch.Tensor) -> torch.Tensor:
        return (image - loaded.reconstruct([image])[0]).abs()

    copy = FAMILIES["haze"](images[3], items[3]["sha256"], draw=1, seed=0)
    assert found["l1-mean"].corrupted["haze"][3, 1] == pytest.approx(float(l1(copy).mean()), rel=1e-4)
    others = torch.stack([l1(image) for image, half in zip(images, halves, strict=True) if half != halves[3]])
    standardised = ZScoreMap(others.mean(dim=0), others.std(dim=0))(l1(copy))
    expected = float(AnomalyScore("top", 0.1)(standardised))
    assert found["l1-z-top0.1"].corrupted["haze"][3, 1] == pytest.approx(expected, rel=1e-3)


def test_a_combination_is_fitted_to_the_other_half(found):
    first, second, both = (found[name] for name in ("l1-mean", "ssim-mean", "l1-mean+ssim-mean"))
    own = first.halves == 1
    values = np.stack([first.clean, second.clean], axis=1)
    fitted = Combination.fit(values[~own], two_sided=False)
    expected = [float(fitted.score(torch.from_numpy(v))) for v in values[own]]
    assert both.clean[own] == pytest.approx(expected, rel=1e-3)


def test_two_sided_scores_are_distances(found):
    for label in ("l1-z-mean-two_sided", "l1-mean+latent-two_sided"):
        assert (found[label].clean >= 0).all()
        assert all((copies >= 0).all() for copies in found[label].corrupted.values())


def test_the_order_of_images_and_what_else_is_scored_change_nothing(loaded, items, definitions, found):
    again = score_copies(loaded, items[::-1], [definitions["l1-z-top0.1"]], {"haze": FAMILIES["haze"]}, 2, seed=0)
    (copies,) = again.values()
    assert copies.clean[::-1] == pytest.approx(found["l1-z-top0.1"].clean, rel=1e-4)
    assert copies.corrupted["haze"][::-1] == pytest.approx(found["l1-z-top0.1"].corrupted["haze"], rel=1e-4)


def test_a_map_that_shows_the_change_has_a_high_pixel_auroc(loaded, items, monkeypatch):
    """A network that gives back the clean image, whatever it gets."""
    images = iter([])

    def restore(batch):
        return [next(images)] if len(batch) == 1 else [batch[0]] * len(batch)

    monkeypatch.setattr(loaded, "reconstruct", restore)
    images = iter([loaded.load(item) for item in items])
    (copies,) = score_copies(loaded, items, [ScoreDefinition()], {"haze": FAMILIES["haze"]}, 1).values()
    assert copies.pixel_auroc["haze"] > 0.999
    assert (copies.clean == 0).all()
    assert (copies.corrupted["haze"] > 0).all()


def test_images_and_copies_are_varied_each_in_its_own_way(loaded, items, found):
    class Vary(RandAcquisitiond):
        seen: ClassVar[list] = []

        def __call__(self, data):
            out = super().__call__(data)
            self.seen.append((data["acquisition"], out["image"]))
            return out

    scores = [ScoreDefinition(), ScoreDefinition(z_score=True)]
    again = [score_copies(loaded, items, scores, FAMILIES, 2, 0, Vary("image", noise=0.1)) for _ in range(2)]
    for name in again[0]:
        assert np.array_equal(again[0][name].clean, again[1][name].clean)
        assert np.array_equal(again[0][name].corrupted["haze"], again[1][name].corrupted["haze"])
    assert (np.abs(again[0]["l1-mean"].clean - found["l1-mean"].clean) > 1e-5).all()
    n = len(items) * 5
    assert len({name for name, _ in Vary.seen}) == n
    assert len({image.numpy().tobytes() for _, image in Vary.seen}) == n


def test_codes_are_measured_by_the_training_images(loaded, items, phantoms):
    images = [loaded.load(item) for item in items]
    once = SelectionRun("once", loaded.folder, {**loaded.config, "code_copies": 1}, "cpu")
    statistics = NormalStatistics(once, [], ["latent"], images, np.arange(len(images)) % 2)
    training = [loaded.load({"image": str(path)}) for path in sorted((phantoms / "train" / "normal").glob("*.png"))]
    gaussian = Gaussian.fit(loaded.codes(["latent"], training)["latent"].numpy())
    found = statistics.distances(loaded.codes(["latent"], images[:3]))["latent"]
    expected = [float(gaussian.squared_distance(code)) for code in loaded.codes(["latent"], images[:3])["latent"]]
    assert len(training) == 24
    assert found == pytest.approx(expected, rel=1e-3)


def test_copies_go_through_the_runs_own_clahe(loaded, items):
    equalised = SelectionRun("equalised", loaded.folder, {**loaded.config, "clahe": True}, "cpu")
    (copies,) = score_copies(equalised, items, [ScoreDefinition()], {"haze": FAMILIES["haze"]}, 1).values()
    shown = CLAHE()(FAMILIES["haze"](loaded.load(items[5]), items[5]["sha256"]))
    expected = float((shown - loaded.reconstruct([shown])[0]).abs().mean())
    assert copies.corrupted["haze"][5, 0] == pytest.approx(expected, rel=1e-4)

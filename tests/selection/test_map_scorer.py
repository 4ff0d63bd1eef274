from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from imgae_monai.selection.map_scorer import MapScorer, Pair, ScoredMap
from imgae_monai.transforms import AnomalyScore, ResidualMapd, ZScoreMap
from imgae_monai.transforms.score_definition import ScoreDefinition

GENERATOR = torch.Generator().manual_seed(0)
IMAGES, RECONSTRUCTIONS = torch.rand(2, 10, 1, 8, 8, generator=GENERATOR)
PAIRS = [Pair(x, y) for x, y in zip(IMAGES, RECONSTRUCTIONS, strict=True)]
MAPS = (IMAGES - RECONSTRUCTIONS).abs().double()
HALVES = np.array([0, 1, 1, 0, 0, 1, 0, 1, 1, 0])
NAMES = ["l1-mean", "l1-z-mean", "l1-z-top0.1"]


class FakeRun:
    def map_transform(self, score):
        return ResidualMapd(
            residual=score.residual, smoothing_sigma=score.smoothing_sigma, residual_clahe=score.residual_clahe
        )


@pytest.fixture
def scorer():
    return MapScorer(FakeRun(), [ScoreDefinition.parse(name) for name in NAMES])


def test_scores_rest_on_the_other_half(scorer):
    scorer.fit(PAIRS, HALVES)
    for half in (0, 1):
        others = MAPS[half != HALVES]
        expected = ZScoreMap(others.mean(dim=0), others.std(dim=0))(MAPS[0])
        found = scorer(PAIRS[0], half).values
        assert found["l1-mean"] == pytest.approx(float(MAPS[0].mean()))
        assert found["l1-z-mean"] == pytest.approx(float(expected.mean()), rel=1e-4)
        assert found["l1-z-top0.1"] == pytest.approx(float(AnomalyScore("top", 0.1)(expected)), rel=1e-4)


def test_what_a_combination_is_fitted_to_rests_on_the_other_images_of_the_half(scorer):
    values = scorer.fit(PAIRS, HALVES)
    for i in range(10):
        others = MAPS[(HALVES[i] == HALVES) & (np.arange(10) != i)]
        expected = ZScoreMap(others.mean(dim=0), others.std(dim=0))(MAPS[i])
        assert values["l1-z-mean"][i] == pytest.approx(float(expected.mean()))
        assert values["l1-mean"][i] == pytest.approx(float(MAPS[i].mean()))


def test_nothing_is_standardised_where_no_score_asks_for_it():
    scorer = MapScorer(FakeRun(), [ScoreDefinition.parse("l1-mean")])
    assert scorer(PAIRS[0], 0).values == {"l1-mean": pytest.approx(float(MAPS[0].mean()))}


@pytest.mark.parametrize("side", [8, 100])
def test_pixels_are_ranked(side):
    array = torch.rand(1, side, side, generator=GENERATOR)
    truth = np.zeros((side, side), dtype=bool)
    truth[: side // 3, : side // 3] = True
    array[0, : side // 3, : side // 3] += 0.2
    expected = roc_auc_score(truth.ravel(), array.numpy().ravel())
    found = ScoredMap({}, {False: array}).pixel_auroc(False, truth)
    assert found == pytest.approx(expected, abs=1e-9 if side == 8 else 0.02)


def test_pixels_of_a_whole_change_have_no_figure():
    scored = ScoredMap({}, {False: torch.rand(1, 4, 4)})
    assert scored.pixel_auroc(False, np.ones((4, 4), dtype=bool)) is None
    assert ScoredMap({}, {False: torch.rand(1, 4, 4)}).pixel_auroc(False, np.zeros((4, 4), dtype=bool)) is None


@pytest.mark.parametrize("name", ["l1-clahe-mean", "l1-clahe-sigma2-mean", "ssim-clahe-mean", "gms-clahe-mean"])
def test_clahe_is_done_once_and_gives_the_same_map(name, monkeypatch):
    image, reconstruction = torch.rand(2, 1, 32, 32, generator=GENERATOR)
    score = ScoreDefinition.parse(name)
    expected = FakeRun().map_transform(score)({"image": image, "pred": reconstruction})["anomaly_map"]
    pair = Pair(image, reconstruction)
    assert torch.equal(MapScorer(FakeRun(), [score]).residual(pair), expected)
    monkeypatch.setattr("imgae_monai.transforms.CLAHE.__call__", lambda *_: pytest.fail("equalised again"))
    assert torch.equal(MapScorer(FakeRun(), [score]).residual(pair), expected)


def test_clahe_is_of_what_shows_the_image():
    """A network may give more beside it: a learned variance, the spread of an ensemble."""
    image, prediction = torch.rand(1, 32, 32, generator=GENERATOR), torch.rand(3, 32, 32, generator=GENERATOR)
    pair = Pair(image, prediction)
    assert torch.equal(pair.equalised.reconstruction, Pair(image, prediction[:1]).equalised.reconstruction)

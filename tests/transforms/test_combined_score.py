from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest
import torch

from imgae_monai.transforms import (
    Calibration,
    Combination,
    CombinedScore,
    CombinedScored,
    ComponentScores,
    Gaussian,
    ScoreDefinition,
)
from imgae_monai.transforms.combined_score import CombinedScoreD, CombinedScoreDict

SCORE = ScoreDefinition("l2", combine=("l1-mean", "l1-max", "l1-z-mean", "l1-sigma1-top0.5", "latent"))
MAPS = {
    "l1": torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]),
    "l1-sigma1": torch.tensor([[[1.0, 2.0], [5.0, 3.0]]]),
    "latent": torch.tensor([1.0, 3.0]),
}
# l1-max, l1-mean, l1-sigma1-top0.5, l1-z-mean, latent
VALUES = [6.0, 3.0, 4.0, 1.0, 6.0]


@pytest.fixture
def calibration() -> Calibration:
    values = np.random.default_rng(0).normal(3, 1, size=(50, 5))
    return Calibration(
        threshold=2.0,
        specificity=0.95,
        mean=torch.zeros(1, 2, 2),
        std=torch.ones(1, 2, 2),
        map_limit=1.0,
        n_images=50,
        score=SCORE,
        checkpoint_sha256="abc",
        data_fingerprint="def",
        normal_scores=(0.5,),
        combination=Combination.fit(values, two_sided=False),
        map_moments={"l1": (torch.ones(1, 2, 2), torch.full((1, 2, 2), 2.0))},
        codes={"latent": Gaussian(torch.tensor([0.0, 1.0]).double(), torch.tensor([[2.0, 0.0], [0.0, 1.0]]).double())},
    )


def test_components_by_hand(calibration):
    values, score = CombinedScore(SCORE, calibration)(MAPS)
    assert values.tolist() == VALUES
    assert values.dtype == score.dtype == torch.float64
    assert torch.equal(score, calibration.combination.score(torch.tensor(VALUES)))


def test_a_map_is_standardised_once_for_all_components_that_share_it():
    names = []
    score = ScoreDefinition(combine=("l1-z-mean", "l1-z-max", "l2-mean"))
    scores = ComponentScores(score, lambda name, array: names.append(name) or 2 * array, lambda name, code: code.sum())
    maps = {"l1": MAPS["l1"], "l2": MAPS["l1-sigma1"], "of another score": None}
    assert scores(maps).tolist() == [12.0, 6.0, 2.75]
    assert names == ["l1"]


def test_the_dictionary_version_puts_the_score_and_takes_the_maps_away(calibration):
    late = types.SimpleNamespace()  # a calibration that can't be read yet
    transform = CombinedScored("component_maps", SCORE, late)
    vars(late).update(vars(calibration))
    found = transform({"component_maps": dict(MAPS), "score": torch.tensor(9.0), "anomaly_map": MAPS["l1"]})
    assert found.keys() == {"score", "anomaly_map", "components"}
    assert found["components"].tolist() == VALUES
    assert found["score"] == CombinedScore(SCORE, calibration)(MAPS)[1]
    assert found["anomaly_map"] is MAPS["l1"]


def test_the_score_of_a_map_stays_as_it_is(calibration):
    item = {"score": torch.tensor(9.0)}
    assert CombinedScored("component_maps", SCORE.base, calibration)(item) == item
    with pytest.raises(ValueError, match="'l2-mean' is neither combined nor two-sided"):
        CombinedScore(SCORE.base, calibration)


def test_what_was_saved_scores_alike(calibration, tmp_path):
    calibration.save(tmp_path / "calibration.pt")
    stored = torch.load(tmp_path / "calibration.pt", weights_only=True)
    assert type(stored["combination"]) is type(stored["map_moments"]) is type(stored["codes"]["latent"]) is dict
    loaded = Calibration.load(tmp_path / "calibration.pt", SCORE, "abc")
    assert (type(loaded.combination), type(loaded.codes["latent"])) == (Combination, Gaussian)
    assert torch.equal(CombinedScore(SCORE, loaded)(MAPS)[1], CombinedScore(SCORE, calibration)(MAPS)[1])
    assert dataclasses.replace(calibration, combination=None, codes={}, map_moments={}).summary() == loaded.summary()


def test_aliases_are_the_dictionary_version():
    assert CombinedScoreD is CombinedScoreDict is CombinedScored

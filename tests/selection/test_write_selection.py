from __future__ import annotations

import dataclasses

import pytest
import yaml

from imgae_monai.selection import parse_score
from imgae_monai.selection.write_selection import (
    selection_flags,
    selection_markdown,
    selection_overlay,
    selection_sentences,
)
from imgae_monai.transforms import ScoreDefinition

ROW = {"mean_auroc": 0.8, "standard_error": 0.01, "worst_auroc": 0.6, "complexity": 3, "mean_pixel_auroc": None}
ROW |= {"auroc": {"haze": 0.6, "coarse_noise": 0.99}, "behind_best": 0.0, "behind_best_se": 0.0}
BEST = {**ROW, "model": "a|b", "score": "ssim-z-top0.05", "best": True, "chosen": False}
CHOSEN = {**ROW, "model": "a|b", "score": "l1-mean", "mean_auroc": 0.79, "best": False, "chosen": True}
CHOSEN |= {"behind_best": 0.01, "behind_best_se": 0.02}
SETTINGS = {"residual": "l1", "smoothing_sigma": 0.0, "z_score": False, "combine": []}
RESULT = {
    "families": ["haze", "coarse_noise"],
    "left_out": ["coarse_noise"],
    "n_patients": 9,
    "n_copies": 2,
    "n_bootstrap": 50,
    "models": [{"name": "a|b", "runs": [{}, {}]}],
    "chosen": {"model": "a|b", "score": "l1-mean", "settings": SETTINGS},
    "rows": [BEST, CHOSEN],
}


def test_the_choice_and_the_best_are_told():
    words = selection_sentences(RESULT)
    assert words[0] == "chosen: a|b with l1-mean, AUROC 0.790 (standard error 0.010), worst family 0.600"
    assert "the best: a|b with ssim-z-top0.05" in words[1]
    assert "0.010 behind it, within one standard error (0.020)" in words[1]
    assert "trained to restore it: coarse_noise" in words[2]
    assert "are not lesions" in words[3]


def test_nothing_is_behind_where_the_best_is_chosen():
    alone = {**RESULT, "rows": [{**BEST, "chosen": True}], "left_out": []}
    assert len(selection_sentences(alone)) == 2


def test_the_table():
    text = selection_markdown({**RESULT, "notice": "SYNTHETIC <b>"})
    assert "> **SYNTHETIC &lt;b>**" in text
    lines = [line for line in text.splitlines() if line.startswith("| a")]
    assert [line.count(" | ") for line in lines] == [9, 9]
    assert "a\\|b" in lines[0]
    assert "best" in lines[0]
    assert "0.010 (0.020)" in lines[1]
    assert "undefined" in lines[1]
    assert "coarse_noise (left out)" in text
    assert "a\\|b: 2 run(s)" in text


def test_flags_and_overlay():
    assert selection_flags(RESULT) == "--residual l1 --smoothing_sigma 0.0 --z_score false --combine none"
    assert yaml.safe_load(selection_overlay(RESULT)) == SETTINGS
    combined = {**RESULT, "chosen": {**RESULT["chosen"], "settings": {"combine": ["l1-mean", "latent"]}}}
    assert selection_flags(combined) == "--combine l1-mean,latent"


@pytest.mark.parametrize("name", ["ssim-clahe-sigma2-z-top0.05-two_sided", "l1-mean+latent", "gms-max"])
def test_the_overlay_gives_the_score(name):
    settings = {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(parse_score(name)).items()}
    read = yaml.safe_load(selection_overlay({**RESULT, "chosen": {**RESULT["chosen"], "settings": settings}}))
    assert ScoreDefinition(**read) == parse_score(name)

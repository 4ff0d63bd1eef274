"""The whole comparison, from evaluations to words and tables."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import t as student

from imgae_monai.exceptions import InputError
from imgae_monai.metrics import compute_auroc, seed_difference, seed_mean
from imgae_monai.report import compare_evaluations, comparison_tables, markdown_table
from tests.report.made_up import made_up, no_model, of_run


@pytest.fixture(scope="module")
def three():
    models = [made_up("good", shift=3), made_up("weak", draw=3, shift=0.3), made_up("bare", draw=5, decisions=None)]
    return compare_evaluations(models, n_draws=300)


@pytest.fixture(scope="module")
def seeds():
    unet = [of_run(f"unet-seed{i}", i, draw=i, shift=0.2, no_model=no_model(False)) for i in range(3)]
    new = [of_run(f"ra{i}", i, "reversed_autoencoder", draw=9 + i, shift=4, no_model=no_model(True)) for i in (1, 2)]
    return [*unet, *new], compare_evaluations([*unet, *new], n_draws=100)


def test_a_comparison_is_plain_json(three, seeds):
    for found in (three, seeds[1]):
        assert json.loads(json.dumps(found, allow_nan=False))["n_patients"] == 30


def test_every_pair_is_compared(three):
    assert [(p["a"], p["b"]) for p in three["pairs"]] == [("good", "weak"), ("good", "bare"), ("weak", "bare")]
    assert three["seeds"] is None
    assert (three["n_images"], three["n_normal"], three["n_abnormal"]) == (60, 30, 30)


def test_a_table_of_scores_gets_figures_too(three):
    _, weak, bare = three["models"]
    evaluation = made_up("weak", draw=3, shift=0.3)
    assert weak["auroc"] == compute_auroc(evaluation.scores, evaluation.labels)
    assert weak["sensitivity"] == np.mean(evaluation.decisions[evaluation.labels == 1])
    for name in ("auroc", "average_precision", "sensitivity", "specificity", "f1"):
        low, high = weak[f"{name}_ci95"]
        assert low < weak[name] < high
    assert bare["sensitivity"] is None
    assert bare["auroc_ci95"] is not None


def test_figures_of_an_evaluation_are_its_own():
    metrics = {"auroc": 0.7, "auroc_ci95": [0.6, 0.75], "f1": 0.5, "f1_ci95": [0.4, 0.6]}
    found = compare_evaluations([made_up("a", metrics=metrics), made_up("b", draw=1)], n_draws=20)["models"][0]
    assert (found["auroc"], found["f1_ci95"], found["above_bound"]) == (0.7, [0.4, 0.6], "no")
    assert found["balanced_accuracy"] is None  # as an earlier version left it


def test_words_follow_the_numbers(three):
    words = three["words"]
    assert words[0].startswith("Whether good or weak or bare beats what needs no model is not known")
    assert any(line.startswith("Is the AUROC of good above 0.80? Yes: ") for line in words)
    assert any(line.startswith("Is the AUROC of weak above 0.80? No: ") for line in words)
    assert any(line.startswith("Is good better than weak? Yes: ") and "by Holm" in line for line in words)
    assert any(line.startswith("Is weak better than bare? No") for line in words)


def test_a_probability_has_its_brier_score():
    given = made_up("given")
    given = dataclasses.replace(given, probabilities=np.clip(0.4 * given.labels + 0.3, 0, 1))
    found = compare_evaluations([given, made_up("other", draw=1)], n_draws=50)
    assert found["models"][0]["probability"]["brier"] == pytest.approx(0.09)
    assert found["models"][1]["probability"] is None
    table = comparison_tables(found)[0]
    assert [line[-1] for line in (table.columns, *table.rows)] == ["Brier score", "0.090", "-"]


def test_what_does_not_beat_no_model_is_said_first():
    beating, short = of_run("a", no_model=no_model(True)), of_run("b", config={"x": 1}, no_model=no_model(False))
    unknown = made_up("c", draw=2)
    words = compare_evaluations([beating, unknown, short], n_draws=20)["words"]
    assert words[0].startswith("b does not beat what needs no model: minus_mean_gradient 0.800 against ")
    assert words[1].startswith("Whether c beats what needs no model is not known")
    assert words[2].startswith("a beats what needs no model")


@pytest.mark.parametrize(("first", "expected"), [(None, "Whether ra beats"), (False, "ra does not beat")])
def test_seeds_without_an_interval_are_not_counted(first, expected):
    undefined = no_model(False)
    undefined["against_best"] |= {"interval": None, "p_value": None, "beats": None}
    found = [undefined if first is None else no_model(first), undefined]
    runs = [of_run(f"ra_{i}", i, draw=i, no_model=found[i]) for i in range(2)]
    words = compare_evaluations([*runs, made_up("c")], n_draws=20)["words"]
    assert words[0].startswith(expected)


def test_what_could_not_be_seen_is_said_where_nothing_was():
    same = [made_up("a"), made_up("b", draw=8)]
    found = compare_evaluations(same, n_draws=50)
    detectable = found["pairs"][0]["detectable_difference"]
    assert found["words"][-1].startswith(f"With these numbers a difference under {detectable:.3f} in AUROC")
    different = compare_evaluations([made_up("a", shift=4), made_up("b", draw=8, shift=0)], n_draws=50)
    assert "Yes: " in different["words"][-1]


def test_the_reversed_one_is_what_is_asked_about():
    models = [of_run("u", draw=1, shift=0), of_run("r", bundle="reversed_autoencoder", shift=4)]
    for given in (models, models[::-1]):
        found = compare_evaluations(given, n_draws=50)
        assert any(line.startswith("Is r better than u? Yes: AUROC differs by +") for line in found["words"])
        assert {row[0] for row in comparison_tables(found)[1].rows} == {"r - u"}
        assert found["pairs"][0]["auroc"]["delong"]["difference"] > 0
    assert found["words"][-1].startswith("Each of these models is one training: ")


def test_seeds_are_averaged_and_compared(seeds):
    evaluations, found = seeds
    scores, labels = [e.scores for e in evaluations], evaluations[0].labels
    patients = np.arange(60) // 2
    unet = found["seeds"]["models"][0]
    assert (unet["name"], unet["members"], unet["seeds"]) == (
        "unet",
        ["unet-seed0", "unet-seed1", "unet-seed2"],
        (0, 1, 2),
    )
    alone = seed_mean(scores[:3], labels, patients)
    assert unet["auroc"]["values"] == alone["values"]
    assert unet["auroc"]["interval"] == pytest.approx(alone["interval"])
    (pair,) = found["seeds"]["pairs"]
    expected = seed_difference(scores[3:], scores[:3], labels, patients)
    assert pair["auroc"]["interval"] == pytest.approx(expected["interval"])
    assert pair["auroc"]["p_holm"] == pytest.approx(expected["p_value"])
    quantiles = student.ppf([0.975, 0.8], expected["degrees_of_freedom"])
    assert pair["detectable_difference"] == pytest.approx(quantiles.sum() * expected["standard_error"])
    # one by one only where both have that seed, and only between models
    assert [(p["a"], p["b"]) for p in found["pairs"]] == [("ra1", "unet-seed1"), ("ra2", "unet-seed2")]


def test_words_over_seeds(seeds):
    words = seeds[1]["words"]
    assert words[0].startswith("unet does not beat what needs no model: ")
    assert "(0 of 3 seeds beat it)" in words[0]
    assert words[1].startswith("ra beats what needs no model: ")
    assert any(line.startswith("Is the AUROC of unet (mean of 3 seeds) above 0.80? No: ") for line in words)
    assert any(line.startswith("Is ra better than unet? Yes: ") for line in words)
    assert any("Welch's t" in line for line in words)


def test_one_seed_more_is_no_spread():
    found = compare_evaluations([of_run("u", draw=1), *(of_run(f"r{i}", i, "r", draw=i) for i in (4, 5))], n_draws=20)
    assert found["seeds"]["pairs"][0]["auroc"]["interval"] is None
    assert any("Is u better than r? Not known" in line for line in found["words"])
    assert any(line.startswith("u has one seed, so that chance of training") for line in found["words"])
    assert found["words"][-1].startswith("Of these two trainings alone: Is u better than r4? ")
    assert any("AUROC of u (one seed) above 0.80? Not shown" in line for line in found["words"])
    assert [(p["a"], p["b"]) for p in found["pairs"]] == [("u", "r4")]  # no seed in common: the first of each


def test_a_file_of_scores_is_not_told_to_train_more():
    found = compare_evaluations([made_up("csv"), *(of_run(f"r{i}", i, draw=i) for i in (4, 5))], n_draws=20)
    text = " ".join(found["words"])
    assert "csv came as a file of scores, so that chance of its training can't be told" in text
    assert "one seed" not in text
    assert "--seeds" not in text
    assert "Of these two trainings alone: Is csv better than r4? " in text


def test_tables_hold_the_numbers(three, seeds):
    tables = {table.title: markdown_table(table.columns, table.rows) for table in comparison_tables(three)}
    assert list(tables) == ["Models", "Differences"]
    for model in three["models"]:
        assert f"{model['auroc']:.3f} [{model['auroc_ci95'][0]:.3f}, {model['auroc_ci95'][1]:.3f}]" in tables["Models"]
    lines = tables["Models"].splitlines()
    assert len({len(line) for line in lines}) == 1
    difference = three["pairs"][0]["auroc"]["delong"]["difference"]
    assert f"{difference:+.3f}" in tables["Differences"]
    assert [table.title for table in comparison_tables(seeds[1])] == [
        "Models",
        "Over seeds",
        "Differences over seeds",
        "Differences",
    ]


def test_synthetic_data_are_called_so():
    models = [made_up("a", metrics={"synthetic": True, "notice": "DRAWN"}), made_up("b", draw=1)]
    assert compare_evaluations(models, n_draws=20)["notice"] == "DRAWN"
    assert compare_evaluations([made_up("a"), models[1]], n_draws=20)["notice"] is None


def test_one_class_is_undefined_and_said_so():
    normal = {"labels": np.zeros(60, dtype=np.int8)}
    found = compare_evaluations([made_up("a", **normal), made_up("b", draw=1, **normal)], n_draws=20)
    assert "Is a better than b? Undefined: the images are of one class only." in found["words"]
    assert found["pairs"][0]["decisions"]["specificity"]["difference"] is not None
    assert "undefined" in found["models"][0]["above_bound"]
    comparison_tables(found)


def test_fewer_than_two_are_refused():
    with pytest.raises(InputError, match="two or more evaluations with different names, got a, a"):
        compare_evaluations([made_up("a"), made_up("a")])

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from imgae_monai.audit import against_no_model, compare_with_no_model, shortcuts
from imgae_monai.metrics import bootstrap_auroc_difference, delong_test

N = 120
RNG = np.random.default_rng(0)
LABELS = [i % 2 for i in range(N)]
PATIENTS = [f"p{i // 2}" for i in range(N)]
SIGNAL = np.array(LABELS) + RNG.normal(0, 0.7, N)
NO_MODEL = {"mean": -SIGNAL, "std": RNG.normal(size=N), "aspect": np.ones(N)}


def test_the_best_is_turned_round_and_paired():
    scores = SIGNAL + RNG.normal(0, 0.3, N)
    result = compare_with_no_model(NO_MODEL, scores, LABELS, PATIENTS, n_draws=200, seed=5)
    assert [s["name"] for s in result["scores"]] == ["mean", "std", "aspect"]
    best = result["scores"][0]
    assert best["auroc"] == pytest.approx(roc_auc_score(LABELS, -SIGNAL))
    assert (result["best"], result["best_strength"]) == ("mean", best["strength"])
    assert best["strength"] == pytest.approx(roc_auc_score(LABELS, SIGNAL))
    assert best["average_precision"] == pytest.approx(average_precision_score(LABELS, SIGNAL))
    assert best["explanation"] == "mean grey value"
    paired = bootstrap_auroc_difference(scores, SIGNAL, LABELS, PATIENTS, n_draws=200, seed=5)
    against = result["against_best"]
    assert (against["difference"], against["interval"], against["p_value"]) == (
        paired["difference"],
        paired["interval"],
        paired["p_value"],
    )
    assert result["note"].startswith("optimistic, uses test labels")
    json.dumps(result, allow_nan=False)


@pytest.mark.parametrize(
    ("scores", "beats"),
    [
        (np.array(LABELS) + RNG.normal(0, 0.1, N), True),
        (SIGNAL, False),  # as good: the interval is zero
        (RNG.normal(size=N), False),
    ],
)
def test_a_model_beats_only_where_the_whole_interval_is_above_zero(scores, beats):
    against = compare_with_no_model(NO_MODEL, scores, LABELS, PATIENTS, n_draws=200)["against_best"]
    assert against["beats"] is beats
    assert (against["interval"][0] > 0) is beats


def test_of_many_images_the_formula_takes_the_place_of_draws(monkeypatch):
    for module in (against_no_model, shortcuts):
        monkeypatch.setattr(module, "MAX_RESAMPLED", N - 1)
    monkeypatch.setattr(shortcuts, "metrics_with_intervals", lambda *args: pytest.fail("drawn"))
    scores = SIGNAL + RNG.normal(0, 0.3, N)
    result = compare_with_no_model(NO_MODEL, scores, LABELS, PATIENTS)
    expected = delong_test(scores, SIGNAL, LABELS, PATIENTS)
    assert result["against_best"]["method"] == "delong"
    assert result["against_best"]["interval"] == expected["interval"]
    assert result["against_best"]["p_value"] == expected["p_value"]
    constant = result["scores"][-1]
    assert (constant["name"], constant["interval"]) == ("aspect", None)
    assert result["scores"][0]["interval"][0] < result["scores"][0]["auroc"]


def test_two_patients_a_class_show_nothing():
    found = compare_with_no_model({"aspect": np.ones(4)}, [1, 2, 3, 4], [0, 0, 1, 1], list("abcd"), n_draws=500)
    assert found["against_best"] == {
        "difference": 0.5,
        "interval": None,
        "p_value": None,
        "method": "bootstrap",
        "beats": None,
    }


def test_one_class_or_no_score_is_none():
    assert compare_with_no_model(NO_MODEL, SIGNAL, [1] * N, PATIENTS, n_draws=10) is None
    assert compare_with_no_model({}, SIGNAL, LABELS, PATIENTS, n_draws=10) is None

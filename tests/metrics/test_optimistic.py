from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from imgae_monai.metrics import optimistic_thresholds


def cohort(seed: int, decimals: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.random(90) < 0.3
    return np.round(rng.normal(size=90) + labels, decimals), labels


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("decimals", [0, 1, 8])
def test_the_best_thresholds_are_those_of_sklearns_curves(seed, decimals):
    scores, labels = cohort(seed, decimals)
    found = optimistic_thresholds(scores, labels)
    assert found["note"] == "optimistic, uses test labels"

    rates, found_rates, steps = roc_curve(labels, scores, drop_intermediate=False)
    best = int(np.argmax(np.round(found_rates - rates, 12)[1:])) + 1
    youden = found["youden"]
    assert youden["sensitivity"] + youden["specificity"] - 1 == pytest.approx((found_rates - rates).max())
    assert ((scores > youden["threshold"]) == (scores >= steps[best])).all()
    assert youden["threshold"] == pytest.approx(steps[best])

    precision, recall, steps = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    assert found["f1_max"]["f1"] == pytest.approx(f1.max())
    flagged = scores > found["f1_max"]["threshold"]
    assert (flagged == (scores >= steps[np.flatnonzero(np.isclose(f1, f1.max()))[-1]])).all()
    counts = [found["f1_max"][f"{name}_positives"] for name in ("true", "false")]
    assert counts == [(flagged & labels).sum(), (flagged & ~labels).sum()]


def test_flagging_every_image_can_be_the_best():
    best = optimistic_thresholds([3.0, 2.0, 1.0], [0, 1, 1])
    assert best["f1_max"]["f1"] == pytest.approx(0.8)
    assert best["f1_max"]["threshold"] < 1.0
    assert (best["f1_max"]["false_positives"], best["f1_max"]["false_negatives"]) == (1, 0)


def test_of_equally_good_thresholds_the_highest_is_taken():
    assert optimistic_thresholds([4, 3, 2, 1], [1, 0, 1, 0])["youden"]["true_positives"] == 1


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_has_none(label):
    assert optimistic_thresholds([0.1, 0.2], [label, label]) is None


def test_a_score_that_is_no_number_names_its_image():
    with pytest.raises(ValueError, match=r"NaN or infinite at image b\.png"):
        optimistic_thresholds([0.1, float("nan")], [0, 1], ["a.png", "b.png"])

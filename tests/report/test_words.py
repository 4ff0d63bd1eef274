"""Sentences at, above and below their bounds."""

from __future__ import annotations

import pytest

from imgae_monai.report import auroc_words, difference_words, no_model_words, notice_words, promise_words, shown_above
from imgae_monai.report.words import digits


@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        ((0.81, 0.9), "yes"),
        ((0.8000001, 0.9), "yes"),
        ((0.8, 0.9), "not shown either way"),
        ((0.7, 0.9), "not shown either way"),
        ((0.7, 0.8), "not shown either way"),
        ((0.7, 0.7999999), "no"),
        (None, "undefined"),
    ],
)
def test_a_bound_is_passed_by_the_whole_interval_or_not_at_all(interval, answer):
    assert shown_above(interval) == answer


def test_another_bound_is_asked_about_by_its_own_number():
    assert auroc_words("m", 0.9, (0.85, 0.95), bound=0.9).startswith("Is the AUROC of m above 0.90? Not shown either")
    assert auroc_words("m", 0.9, (0.85, 0.95), bound=0.8) == (
        "Is the AUROC of m above 0.80? Yes: 0.900, 95 % interval [0.850, 0.950]."
    )


def test_an_interval_that_rounds_to_the_bound_is_shown_on_its_side():
    assert auroc_words("m", 0.75, (0.7, 0.79996)).endswith("No: 0.750, 95 % interval [0.700, 0.79996].")
    assert "worse than chance" in auroc_words("m", 0.4, (0.3, 0.4999))
    assert "chance" not in auroc_words("m", 0.4, (0.3, 0.5))
    words = difference_words("a", "b", 0.01, (0.00004, 0.02))
    assert words.endswith("Yes: AUROC differs by +0.010, 95 % interval [+0.00004, +0.020].")


@pytest.mark.parametrize(
    ("interval", "answer"),
    [
        ((0.01, 0.05), "Yes:"),
        ((0.0, 0.05), "No difference shown:"),
        ((-0.01, 0.05), "No difference shown:"),
        ((-0.05, 0.0), "No difference shown:"),
        ((-0.05, -0.01), "No, unet is:"),
        (None, "Not known:"),
    ],
)
def test_a_difference_is_shown_where_the_interval_is_off_zero(interval, answer):
    words = difference_words("reversed", "unet", 0.02, interval)
    assert words.startswith(f"Is reversed better than unet? {answer}")


@pytest.mark.parametrize(("p", "answer"), [(0.049, "Yes: "), (0.05, "No difference shown: "), (0.2, "No difference")])
def test_several_comparisons_are_corrected_for(p, answer):
    words = difference_words("a", "b", 0.02, (0.001, 0.04), p_holm=p)
    assert words.startswith(f"Is a better than b? {answer}")
    assert f"p = {p:.3f} by Holm over all comparisons" in words


def test_one_class_leaves_nothing_to_say():
    assert "one class" in auroc_words("m", None, None)
    assert "one class" in difference_words("a", "b", None, None)


NO_MODEL = {
    "best": "minus_mean_gradient",
    "best_strength": 0.844,
    "against_best": {"difference": -0.199, "interval": [-0.25, -0.15], "p_value": 0.001, "beats": False},
}


def test_what_needs_no_model_is_set_against_the_model():
    assert no_model_words("unet", 0.645, NO_MODEL) == (
        "unet does not beat what needs no model: minus_mean_gradient 0.844 against 0.645 (difference -0.199, 95 % "
        "interval [-0.250, -0.150])."
    )
    beaten = {
        **NO_MODEL,
        "against_best": {"difference": 0.1, "interval": [0.05, 0.15], "p_value": 0.001, "beats": True},
    }
    assert no_model_words("unet", 0.944, beaten).startswith("unet beats what needs no model: ")


def test_a_difference_without_an_interval_is_not_known():
    against = {"difference": 0.2, "interval": None, "p_value": None, "beats": None}
    words = no_model_words("unet", 0.7, {"best": "aspect", "best_strength": 0.5, "against_best": against})
    assert words == (
        "Whether unet beats what needs no model is not known: aspect 0.500 against 0.700, without an interval."
    )


def test_what_was_not_measured_is_not_known():
    unknown = "Whether unet beats what needs no model is not known: "
    assert no_model_words("unet", 0.6, None) == unknown + "that was not measured."
    assert no_model_words("unet", 0.6, None, "no training images") == unknown + "no training images."
    assert no_model_words("unet", None, NO_MODEL).startswith(unknown)
    assert no_model_words("unet", 0.6, {**NO_MODEL, "against_best": None}).startswith(unknown)


def test_synthetic_data_are_called_so():
    assert notice_words({"synthetic": True, "notice": "DRAWN"}) == "DRAWN"
    assert "SYNTHETIC" in (notice_words({"synthetic": True}) or "")
    assert notice_words({"synthetic": False, "notice": "DRAWN"}) is None
    assert notice_words(None) is None


@pytest.mark.parametrize(
    ("value", "bound", "shown"),
    [(0.8, 0.8, "0.800"), (0.8004, 0.8, "0.8004"), (0.5, 0.8, "0.500"), (1e-12, 0, "1e-12"), (0, 0, "0.000")],
)
def test_digits_stay_on_their_side_of_the_bound(value, bound, shown):
    assert digits(value, bound) == shown


def test_a_threshold_that_did_not_hold_is_told():
    metrics = {"calibration": {"specificity": 0.95}, "specificity": 0.9, "specificity_ci95": [0.85, 0.9499]}
    assert promise_words(metrics).endswith("keeps 0.900, 95 % interval [0.850, 0.9499]: less.")
    assert promise_words({**metrics, "specificity": 0.99, "specificity_ci95": [0.96, 1.0]}).endswith(": more.")
    assert promise_words({**metrics, "specificity_ci95": [0.85, 0.95]}) is None
    assert promise_words({**metrics, "specificity_ci95": None}) is None
    assert promise_words({"specificity": 0.9, "specificity_ci95": [0.8, 0.9]}) is None  # of an earlier version
    assert promise_words(None) is None

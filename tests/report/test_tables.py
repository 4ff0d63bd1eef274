from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from imgae_monai.report.tables import (
    between,
    confusion,
    evaluation_tables,
    key_figures,
    localization_table,
    no_model_table,
    number,
    subgroup_table,
)
from tests.report.sample import HOSTILE, sample_evaluation, sample_metrics


def row_of(table, name):
    return next(row for row in table.rows if row[0].startswith(name))


def test_intervals_that_were_not_drawn_are_said_to_be_linearised():
    table = key_figures({**sample_metrics(), "interval_method": "linearised", "n_bootstrap": None})
    assert table.note.startswith("95 % intervals by linearisation, by patients.")


def test_a_pixel_threshold_of_an_earlier_version_is_undefined():
    metrics = sample_metrics()
    metrics["localization"] |= {"threshold": None, "threshold_source": "undefined: of an earlier version"}
    assert "A pixel's threshold: undefined: of an earlier version." in localization_table(metrics).note


def test_a_probability_has_its_brier_score():
    metrics = {**sample_metrics(), "probability": {"brier": 0.25, "brier_ci95": (0.2, 0.3)}}
    assert row_of(key_figures(metrics), "Brier score")[1:] == ("0.250", "[0.200,\N{NO-BREAK SPACE}0.300]")


def test_undefined_is_a_word():
    assert number(None) == "undefined"
    assert between(None) == "no interval"
    assert (number(0.12345), between([0.1, 0.25])) == ("0.123", "[0.100,\N{NO-BREAK SPACE}0.250]")


def test_key_figures_tell_threshold_draws_and_what_test_labels_chose():
    table = key_figures(sample_metrics())
    assert row_of(table, "AUROC") == ("AUROC", "0.745", between([0.612, 0.861]))
    assert row_of(table, "partial AUROC") == ("partial AUROC (specificity of at least 0.9)", "0.600", "no interval")
    assert row_of(table, "precision")[1] == "undefined"
    assert "bootstrap over patients, 10,000 draws" in table.note
    assert "threshold 0.5: quantile 0.95 of 40 normal validation images' scores" in table.note
    chosen = [row for row in table.rows if "Youden" in row[0] or "largest F1" in row[0]]
    assert len(chosen) == 6
    assert table.rows[-6:] == chosen
    assert all("optimistic, uses test labels" in row[0] for row in chosen)
    assert row_of(table, "sensitivity at the threshold of Youden's J, 0.4")[1] == "0.900"


def test_an_evaluation_of_an_earlier_version_has_its_figures():
    old = {key: value for key, value in sample_metrics().items() if not isinstance(value, dict)}
    for key in ("interval_method", "subgroups"):
        del old[key]
    assert "bootstrap over patients" in key_figures(old).note
    tables = evaluation_tables(dataclasses.replace(sample_evaluation(), metrics=old))
    assert [table.title for table in tables] == ["Key figures", "Decisions"]


def test_decisions_are_counted_by_truth():
    evaluation = sample_evaluation()
    evaluation = dataclasses.replace(evaluation, decisions=np.repeat([0, 1], [9, 11]).astype(np.int8))
    assert confusion(evaluation).rows == [("normal", "9", "1", "10"), ("abnormal", "0", "10", "10")]
    assert confusion(dataclasses.replace(evaluation, decisions=None)) is None


def test_no_model_scores_stand_below_the_model_the_strongest_first():
    rows = no_model_table(sample_evaluation()).rows
    assert [row[0] for row in rows] == [
        "tiny (the model)",
        "smoothness (minus_mean_gradient)",
        "mean grey value (mean)",
    ]
    assert rows[2][1:] == ("0.400", between([0.3, 0.5]), "0.600")


def test_subgroups_and_localisation():
    table = subgroup_table(sample_metrics())
    assert table.rows[0][:3] == (f"view {HOSTILE}", "6 / 4 / 10", f"0.700 {between([0.5, 0.9])}")
    assert table.rows[1][2] == "undefined no interval"
    found = localization_table(sample_metrics())
    assert found.rows[0] == (
        "pixel AUROC",
        f"0.700 {between([0.6, 0.8])}",
        f"0.750 {between([0.6, 0.8])}",
        f"-0.050 {between([-0.1, 0.02])}",
    )
    assert found.rows[1][1:] == ("undefined no interval",) * 3


@pytest.mark.parametrize(
    "make", [no_model_table, lambda e: subgroup_table(e.metrics), lambda e: localization_table(e.metrics)]
)
def test_what_was_not_measured_has_no_table(make):
    assert make(dataclasses.replace(sample_evaluation(), metrics={"no_model": None})) is None

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, recall_score, roc_auc_score

from imgae_monai.metrics import bootstrap_metrics, subgroup_metrics

THRESHOLD = 0.5
FIGURES = ("auroc", "average_precision", "sensitivity", "specificity", "f1")


def cohort(n: int = 240) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    labels = rng.random(n) < 0.4
    return np.round(rng.normal(size=n) + labels, 1), labels, np.arange(n) // 2


def by_value(found: list[dict]) -> dict[tuple[str, str], dict]:
    return {(row["group"], row["value"]): row for row in found}


def test_figures_of_a_view_are_those_of_its_images_alone():
    scores, labels, patients = cohort()
    pa = np.arange(240) % 3 > 0
    found = by_value(subgroup_metrics(scores, labels, patients, THRESHOLD, {"view": np.where(pa, "PA", "AP")}, 100))
    assert [*found] == [("view", "AP"), ("view", "PA")]
    for value, rows in (("PA", pa), ("AP", ~pa)):
        row, of_rows = found["view", value], (labels[rows], scores[rows] > THRESHOLD)
        assert row["auroc"] == pytest.approx(roc_auc_score(labels[rows], scores[rows]))
        assert row["average_precision"] == pytest.approx(average_precision_score(labels[rows], scores[rows]))
        assert row["sensitivity"] == pytest.approx(recall_score(*of_rows))
        assert row["specificity"] == pytest.approx(recall_score(*of_rows, pos_label=0))
        assert row["f1"] == pytest.approx(f1_score(*of_rows))
        intervals = bootstrap_metrics(scores[rows], labels[rows], patients[rows], THRESHOLD, 100)
        assert {name: row[f"{name}_ci95"] for name in FIGURES} == {name: intervals[name] for name in FIGURES}
        assert (row["n_normal"], row["n_abnormal"]) == ((~labels[rows]).sum(), labels[rows].sum())
        assert row["n_patients"] == len(set(patients[rows]))
        assert row["interval_method"] == "bootstrap"


def test_a_finding_stands_against_all_normals_and_an_image_of_two_counts_for_both():
    scores, labels = [1, 2, 3, 4, 0, 9], [0, 0, 1, 1, 1, 0]
    columns = {"finding": ["No Finding", "", "Mass|Edema", "edema", "", "No Finding"]}
    found = by_value(subgroup_metrics(scores, labels, "abcdef", 2.5, columns, 10))
    assert [*found] == [("finding", "Edema"), ("finding", "Mass")]
    edema, mass = found.values()
    assert (edema["n_normal"], edema["n_abnormal"], edema["n_patients"]) == (3, 2, 5)
    assert (mass["n_normal"], mass["n_abnormal"]) == (3, 1)
    assert (edema["auroc"], mass["auroc"]) == (pytest.approx(4 / 6), pytest.approx(2 / 3))
    assert edema["specificity"] == mass["specificity"] == pytest.approx(2 / 3)


def test_ages_fall_into_bands_whose_bounds_are_years():
    ages = ["0", "17", "18", "39", "40", "64", "65", "120", "121", "411", "", "old"]
    found = subgroup_metrics(range(12), [0, 1] * 6, range(12), 3.5, {"age": ages}, 10)
    assert [row["value"] for row in found] == ["0-17", "18-39", "40-64", "65 and over"]
    assert [row["n_normal"] + row["n_abnormal"] for row in found] == [2, 2, 2, 2]
    assert [row["sensitivity"] for row in found] == [0, 0, 1, 1]


def test_groups_are_in_one_order_and_the_unknown_is_in_none():
    columns = {"sex": ["f", "F ", "M", ""], "view": ["PA", "", "", ""]}
    found = subgroup_metrics([1, 2, 3, 4], [0, 1, 0, 1], "abcd", 2.5, columns, 10)
    assert [(row["group"], row["value"], row["n_patients"]) for row in found] == [
        ("view", "PA", 1),
        ("sex", "f", 2),
        ("sex", "M", 1),
    ]


@pytest.mark.parametrize(("n_normal", "with_interval"), [(10, {*FIGURES}), (9, {"sensitivity"})])
def test_a_handful_of_patients_has_figures_without_an_interval(n_normal, with_interval):
    n = n_normal + 12
    labels = np.arange(n) >= n_normal
    scores = np.random.default_rng(0).normal(size=n) + labels
    (row,) = subgroup_metrics(scores, labels, np.arange(n), THRESHOLD, {"sex": ["F"] * n}, 50)
    assert all(row[name] is not None for name in FIGURES)
    assert {name for name in FIGURES if row[f"{name}_ci95"] is not None} == with_interval
    # more images of the same patients do not help
    twice = [np.repeat(values, 2) for values in (scores, labels, np.arange(n))]
    (row,) = subgroup_metrics(*twice, THRESHOLD, {"sex": ["F"] * (2 * n)}, 50)
    assert {name for name in FIGURES if row[f"{name}_ci95"] is not None} == with_interval


def test_what_one_class_leaves_undefined_is_none():
    (row,) = subgroup_metrics([1, 2, 3], [1, 1, 1], "abc", 1.5, {"view": ["PA"] * 3}, 10)
    assert [row[name] for name in FIGURES] == [None, None, pytest.approx(2 / 3), None, pytest.approx(0.8)]


def test_many_groups_share_the_time_of_one():
    cohort_ = cohort()
    columns = {"sex": ["F"] * 240, "view": ["PA", "AP"] * 120}  # 120, 120 and 240 images

    def drawn(n_draws: int, share: int) -> list[int | None]:
        found = subgroup_metrics(*cohort_, THRESHOLD, columns, n_draws, max_resampled=3 * share)
        assert all((row["n_bootstrap"] is None) == (row["interval_method"] == "linearised") for row in found)
        return [row["n_bootstrap"] for row in found]

    assert drawn(1500, 240 * 1500) == [1500, 1500, 1500]
    assert drawn(1500, 240 * 1200) == [1500, 1500, 1200]
    assert drawn(1500, 120 * 1100) == [1100, 1100, None]
    assert drawn(10, 120 * 10) == [10, 10, None]


def test_a_column_of_another_length_is_refused():
    with pytest.raises(ValueError, match="view must have one entry per score; got 1 for 2 scores"):
        subgroup_metrics([1, 2], [0, 1], "ab", 1.5, {"view": ["PA"]})

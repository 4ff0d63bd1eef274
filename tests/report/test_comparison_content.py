from __future__ import annotations

import dataclasses

from imgae_monai.report.comparison_content import make_comparison
from tests.report.sample import sample_evaluation


def pair(seed=0):
    evaluations = [sample_evaluation("a|b", seed=0), sample_evaluation("other", seed=1)]
    return [dataclasses.replace(e, record=None) for e in evaluations]


def test_words_tables_and_figures_of_two_models(tmp_path):
    content = make_comparison(pair(), tmp_path)
    assert any("Is a|b better than other?" in sentence for sentence in content.words)
    tables = {table.title: table for table in content.tables}
    assert [row[0] for row in tables["Models"].rows] == ["a|b", "other"]
    assert all(len(row) == len(table.columns) for table in content.tables for row in table.rows)
    assert "0.745 [0.612,\N{NO-BREAK SPACE}0.861]" in tables["Models"].rows[0]
    assert tables["Differences"].rows[0][0] == "a|b - other"
    assert [figure.name for figure in content.figures] == ["roc", "precision_recall", "models", "differences"]
    assert (tmp_path / "differences.pdf").is_file()


def test_one_class_has_no_curves_and_is_said_to_be_undefined(tmp_path):
    metrics = {"auroc": None, "auroc_ci95": None, "n_normal": 20, "n_abnormal": 0}
    of_one = [dataclasses.replace(e, labels=e.labels * 0, metrics=metrics) for e in pair()]
    content = make_comparison(of_one, tmp_path)
    assert content.figures == []
    assert any("Undefined" in sentence for sentence in content.words)

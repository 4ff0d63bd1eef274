from __future__ import annotations

import json

from imgae_monai.cli.evaluation_table import PRINTED, print_evaluation

METRICS = {
    **dict.fromkeys(PRINTED, 0.5),
    **{f"{name}_ci95": [0.25, 0.75] for name in PRINTED},
    "synthetic": False,
    "n_normal": 30,
    "n_abnormal": 20,
    "n_patients": 40,
    "threshold": 0.0123456789,
    "threshold_source": "quantile 0.95",
    "interval_method": "bootstrap",
    "optimistic": None,
    "subgroups": [],
}


def printed(tmp_path, capsys, **changes) -> list[str]:
    (tmp_path / "metrics.json").write_text(json.dumps({**METRICS, **changes}))
    print_evaluation(tmp_path)
    return capsys.readouterr().out.splitlines()


def test_figures_stand_with_their_intervals(tmp_path, capsys):
    lines = printed(tmp_path, capsys, auroc=None, auroc_ci95=None, f1_ci95=None)
    assert lines[0] == "30 normal, 20 abnormal images of 40 patients"
    assert "  auroc             undefined" in lines
    assert "  f1                0.500" in lines
    assert "  partial_auroc     0.500 [0.250, 0.750]" in lines
    assert "  balanced_accuracy 0.500 [0.250, 0.750]" in lines
    assert "  threshold         0.0123457 (quantile 0.95)" in lines
    assert not [line for line in lines if "optimistic" in line or "subgroup" in line or "linearis" in line]


def test_thresholds_that_use_the_labels_are_never_printed_without_saying_so(tmp_path, capsys):
    at = {"threshold": 0.25, "sensitivity": 0.5, "specificity": 0.75, "f1": 0.625}
    best = {"note": "optimistic, uses test labels", "youden": at, "f1_max": {**at, "threshold": 0.125}}
    lines = [line for line in printed(tmp_path, capsys, optimistic=best) if "best threshold" in line]
    figures = "sensitivity 0.500, specificity 0.750, f1 0.625 (optimistic, uses test labels)"
    assert lines == [
        f"  at the best threshold by Youden's J, 0.25: {figures}",
        f"  at the best threshold by F1, 0.125: {figures}",
    ]


def test_subgroups_are_a_table(tmp_path, capsys):
    row = {"n_normal": 12, "n_abnormal": 8, "auroc": 0.75, "auroc_ci95": [0.5, 1.0], "sensitivity": None}
    row |= {"sensitivity_ci95": None, "specificity": 0.5, "specificity_ci95": None}
    groups = [{"group": "view", "value": "PA", **row}, {"group": "finding", "value": "a long name of it", **row}]
    header, first, second = printed(tmp_path, capsys, subgroups=groups)[-4:-1]
    assert header.split() == ["subgroup", "normal", "abnormal", "auroc", "sensitivity", "specificity"]
    assert first.split() == ["view", "PA", "12", "8", "0.750", "[0.500,", "1.000]", "undefined", "0.500"]
    assert [line.index(word) for line, word in ((header, "auroc"), (first, "0.750"), (second, "0.750"))] == [49] * 3


def test_intervals_that_were_not_drawn_are_said_to_be(tmp_path, capsys):
    assert any("by linearisation" in line for line in printed(tmp_path, capsys, interval_method="linearised"))

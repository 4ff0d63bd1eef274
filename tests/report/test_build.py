from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from imgae_monai.report.build import named_apart, write_report
from tests.report.sample import sample_evaluation


def few(metrics, **more):
    """Figures that take no time to draw."""
    kept = ("auroc", "auroc_ci95", "n_normal", "n_abnormal", "n_patients", "threshold", "threshold_source")
    return {**{key: metrics[key] for key in kept}, **more}


def seed_of_a_model(name, seed):
    evaluation = sample_evaluation(name, seed=seed)
    record = {**evaluation.record, "seed": seed, "config": {"seed": seed, "bundle_name": "unet_autoencoder"}}
    return dataclasses.replace(evaluation, record=record, metrics=few(evaluation.metrics, seed=seed))


def test_seeds_are_one_model_of_which_the_first_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr("imgae_monai.report.figures.KINDS", ("png",))  # fonts of a PDF take their time
    seeds = [seed_of_a_model(f"unet_seed{seed}", seed) for seed in (1, 0)]
    other = dataclasses.replace(sample_evaluation("other", seed=5), record=None, metrics=None)
    written = write_report([*seeds, other], tmp_path)
    assert [content.evaluation.name for content in written.runs] == ["unet_seed0", "other"]
    note = "unet was trained with 2 seeds (0, 1). What follows is of unet_seed0 (seed 0) alone"
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert note in text
        assert "(mean of 2 seeds)" in text
        assert text.count("single trainings; whether the models differ is told over seeds") == 2  # figure and table
        assert "Is the AUROC of unet_seed0 above 0.80?" in text  # its own verdict
    page = (tmp_path / "report.html").read_text()
    assert page.count("<h2 id='run") == 2
    assert "<h1>unet and other</h1>" in page
    assert (tmp_path / "figures" / "seeds.png").is_file()
    assert not (tmp_path / "figures" / "unet_seed1").exists()
    assert json.loads((tmp_path / "report.json").read_text())["comparison"]["seeds"] is not None


def test_probabilities_have_their_figures_on_the_page_in_markdown_and_in_json(tmp_path, monkeypatch):
    monkeypatch.setattr("imgae_monai.report.figures.KINDS", ())
    evaluation = dataclasses.replace(sample_evaluation(), record=None, metrics=None, decisions=None)
    evaluation = dataclasses.replace(evaluation, probabilities=evaluation.labels * 0.4 + 0.3)
    write_report([evaluation], tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert re.search(r"Brier score[^\n]{1,40}0\.090", text)
        assert "Share of abnormal images among those that were given a probability" in text
    (run,) = json.loads((tmp_path / "report.json").read_text())["runs"]
    assert [found["share_abnormal"] for found in run["metrics"]["probability"]["reliability"]] == [0, 1]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["run0/eval", "run1/eval"], ["run0-eval", "run1-eval"]),
        (["r/eval", "s/r/eval", "r/eval-2"], ["r-eval", "r-eval-2", "r-eval-2-2"]),
        (["r/a b", "r/a+b"], ["a b", "a+b-2"]),  # one name of a folder
    ],
)
def test_names_that_are_the_same_are_told_apart(given, named):
    twins = [dataclasses.replace(sample_evaluation(Path(path).name), folder=Path(path)) for path in given]
    assert [evaluation.name for evaluation in named_apart(twins)] == named

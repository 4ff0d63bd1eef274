"""``imgae-monai report`` as a user calls it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import BUNDLES


@pytest.fixture
def on_the_page_only(monkeypatch):
    """Draw no PNG and no PDF, which take most of the time, where these are not what is tested."""
    monkeypatch.setattr("imgae_monai.report.figures.KINDS", ())


@pytest.fixture(scope="module")
def evaluations(runs, cli, tmp_path_factory) -> dict[str, Path]:
    """An evaluation of either bundle on the same images. Read-only."""
    root = tmp_path_factory.mktemp("evaluations")
    for bundle in BUNDLES:
        cli("evaluate", runs[bundle], "--output", root / bundle, "--n_bootstrap", 20)
    return {bundle: root / bundle for bundle in BUNDLES}


def refused(cli, capsys, *words) -> str:
    with pytest.raises(SystemExit) as e:
        cli("report", *words)
    assert e.value.code == 2
    return capsys.readouterr().err


def test_two_runs_are_compared_on_one_page(cli, evaluations, capsys, tmp_path, monkeypatch):
    for module in ("figures", "build"):
        monkeypatch.setattr(f"imgae_monai.report.{module}.KINDS", ("png",))
    out = tmp_path / "out"
    cli("report", *evaluations.values(), "--output", out, "--n_examples", 1)
    printed = capsys.readouterr().out
    assert "SYNTHETIC DATA" in printed
    assert "Is the AUROC of unet_autoencoder above 0.80?" in printed
    page = (out / "report.html").read_text()
    question = "Is reversed_autoencoder better than unet_autoencoder?"
    assert page.index("SYNTHETIC DATA") < page.index(question) < page.index("<table")
    result = json.loads((out / "report.json").read_text())
    assert [run["name"] for run in result["runs"]] == list(BUNDLES)
    assert any(question in sentence for sentence in result["comparison"]["words"])
    for name in ("roc", "differences", "models", "unet_autoencoder/roc", "reversed_autoencoder/latent_tsne"):
        assert (out / "figures" / f"{name}.png").is_file()
        assert f"figures/{name}.png" in result["files"]
    text = (out / "report.md").read_text()
    assert "(figures/unet_autoencoder/roc.png)" in text
    assert question in text
    assert page.count("class='control'") == 2


def test_nothing_is_replaced_unasked_and_stale_figures_go(cli, evaluations, capsys, tmp_path):
    out = tmp_path / "out"
    (out / "figures").mkdir(parents=True)
    (out / "figures" / "mine.png").touch()
    (out / "figures" / "old.png").touch()
    (tmp_path / "outside.png").touch()
    (out / "report.json").write_text(json.dumps({"files": ["figures/old.png", "../outside.png", "report.md"]}))
    words = (scores_file(tmp_path), "--output", out)
    assert "already holds report.json" in refused(cli, capsys, *words)
    for _ in range(2):  # the second must not take mine for the first one's
        cli("report", *words, "--overwrite")
    left = {path.name for path in (out / "figures").iterdir()}
    assert "mine.png" in left
    assert {"roc.png", "roc.pdf"} <= left
    assert "old.png" not in left
    assert (tmp_path / "outside.png").is_file()


def scores_file(folder: Path, n: int = 40) -> Path:
    labels = np.repeat([0, 1], n // 2)
    scores = np.random.default_rng(0).normal(size=n) + labels
    path = folder / "other_tool.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(
            [("image", "label", "patient_id", "score"), *((f"{i}.png", labels[i], i, scores[i]) for i in range(n))]
        )
    return path


@pytest.mark.usefixtures("on_the_page_only")
def test_a_bare_file_of_scores_gives_figures_and_no_pictures(cli, capsys, tmp_path):
    cli("report", scores_file(tmp_path), "--output", tmp_path / "out")
    printed = capsys.readouterr().out
    assert "Is the AUROC of other_tool above 0.80?" in printed
    assert "Whether other_tool beats what needs no model is not known" in printed
    assert "no pictures: the scores came without the config of a network" in printed
    page = (tmp_path / "out" / "report.html").read_text()
    assert "No pictures: the scores came without" in page
    assert page.count("<svg") == 2


def test_the_same_scores_are_not_compared_with_themselves(cli, capsys, tmp_path):
    path = scores_file(tmp_path)
    assert "was given twice: leave one out" in refused(cli, capsys, path, path, "--output", tmp_path / "out")


def test_a_run_that_was_not_evaluated_names_the_mend(cli, runs, capsys, tmp_path):
    error = refused(cli, capsys, runs[BUNDLES[0]], "--output", tmp_path / "out")
    assert "imgae-monai evaluate" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--n_examples", 0), "n_examples must be at least 1, got 0"),
        (("--explain", "gradiant"), "did you mean 'gradient'"),
    ],
)
def test_wrong_flags_are_refused(flags, message, cli, evaluations, capsys, tmp_path):
    assert message in refused(cli, capsys, evaluations[BUNDLES[0]], "--output", tmp_path / "out", *flags)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("on_the_page_only")
def test_images_that_are_gone_leave_a_page_without_pictures(cli, evaluations, capsys, tmp_path):
    folder = Path(shutil.copytree(evaluations[BUNDLES[0]], tmp_path / "moved"))
    for name in ("scores.csv", "no_model_scores.csv", "metrics.json"):
        if (folder / name).is_file():
            text = (folder / name).read_text()
            (folder / name).write_text(text.replace("/phantoms/test/", "/gone/test/"))
    cli("report", folder, "--output", tmp_path / "out")
    assert "no pictures: 24 of 24 images that would be shown are not files here" in capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text()
    assert "No pictures: 24 of 24" in page
    assert "<svg" in page


def test_a_score_that_is_no_longer_what_it_was_refuses_the_report(cli, evaluations, capsys, tmp_path):
    folder = Path(shutil.copytree(evaluations[BUNDLES[0]], tmp_path / "changed"))
    with open(folder / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    highest = max(rows, key=lambda row: float(row["score"]))
    highest["score"] = str(float(highest["score"]) * 1.01)
    with open(folder / "scores.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "out").mkdir()
    kept = tmp_path / "out" / "report.html"
    kept.write_text("an earlier report")
    error = refused(cli, capsys, folder, "--output", tmp_path / "out", "--overwrite")
    assert "in the evaluation: the image, the software or the settings have changed since" in error
    assert kept.read_text() == "an earlier report"


@pytest.mark.usefixtures("on_the_page_only")
def test_attributions_stand_beside_the_pictures(cli, evaluations, tmp_path):
    out = tmp_path / "out"
    cli("report", evaluations[BUNDLES[0]], "--output", out, "--n_examples", 1, "--explain", "gradient,occlusion")
    page = (out / "report.html").read_text()
    assert page.count("alt='gradient over the image'") == page.count("alt='occlusion over the image'") > 0

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose
from PIL import Image
from sklearn import metrics as sk
from torch import nn

from imgae_monai.data.datalist import SYNTHETIC_NOTICE, Datalist
from imgae_monai.data.fingerprint import datalist_fingerprint
from imgae_monai.engines import environment
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import EvaluationWriter
from imgae_monai.metrics import compute_curve_bands
from imgae_monai.transforms import AnomalyScored, Calibration, ResidualMapd, ScoreDefinition

THRESHOLD = 0.5
CALIBRATION = Calibration(
    threshold=THRESHOLD,
    specificity=0.9,
    mean=torch.zeros(1, 8, 8),
    std=torch.ones(1, 8, 8),
    map_limit=0.75,
    n_images=40,
    score=ScoreDefinition("l1"),
    checkpoint_sha256="hash of the weights",
    data_fingerprint="fingerprint of the data trained on",
)
# sixteenths are exact in float32; ties within and across the classes, and some scores that equal the threshold
RNG = np.random.default_rng(0)
LABELS = RNG.permutation([0] * 12 + [1] * 9)
SCORES = np.clip(RNG.integers(2, 11, size=21) + 3 * LABELS, 0, 16) / 16
INTERVALS = (
    "auroc",
    "average_precision",
    "partial_auroc",
    "balanced_accuracy",
    "f1",
    "sensitivity",
    "specificity",
    "precision",
    "accuracy",
)


def evaluate(
    folder: Path, scores=SCORES, labels=LABELS, calibration=CALIBRATION, synthetic=False, seed=0, runs=1, known=None
):
    """The network gives 0, so an image of one grey value has that value as its score."""
    network = nn.Conv2d(1, 1, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    items = [
        {
            "image": torch.full((1, 8, 8), float(score)),
            "image_path": f"some/where/{i}.png",
            "label": int(label),
            "patient_id": f"patient {i // 2}",
        }
        for i, (score, label) in enumerate(zip(scores, labels, strict=True))
    ]
    listed = [{**item, "image": item["image_path"], "split": "test", "sha256": item["image_path"]} for item in items]
    for item, what in zip(listed, known or (), strict=False):
        item.update(what)
    writer = EvaluationWriter(
        folder,
        Datalist(items=listed, source="somewhere", synthetic=synthetic),
        "test",
        calibration,
        settings={"bundle": "tiny", "seed": 3},
        n_bootstrap=200,
        seed=seed,
        overwrite=runs > 1,
        config={"epochs": 4},
    )
    evaluator = SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader(items, batch_size=4),
        network=network,
        postprocessing=Compose([ResidualMapd(), AnomalyScored()]),
        val_handlers=[writer],
    )
    for _ in range(runs):
        evaluator.run()
    return writer


def read_metrics(folder: Path) -> dict:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"), parse_constant=refuse)


def read_scores(folder: Path) -> list[list[str]]:
    with open(folder / "scores.csv", newline="", encoding="utf-8") as f:
        return list(csv.reader(f))


@pytest.fixture
def no_pictures(monkeypatch):
    """They take most of an evaluation's time."""
    monkeypatch.setattr(EvaluationWriter, "_draw", lambda self: None)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "not" / "there" / "yet"
    return evaluate(folder), folder


def test_figures_equal_scikit_learns(written):
    metrics, decisions = read_metrics(written[1]), SCORES > THRESHOLD
    expected = {
        "auroc": sk.roc_auc_score(LABELS, SCORES),
        "average_precision": sk.average_precision_score(LABELS, SCORES),
        "partial_auroc": sk.roc_auc_score(LABELS, SCORES, max_fpr=0.1),
        "f1": sk.f1_score(LABELS, decisions),
        "sensitivity": sk.recall_score(LABELS, decisions),
        "specificity": sk.recall_score(LABELS, decisions, pos_label=0),
        "precision": sk.precision_score(LABELS, decisions),
        "accuracy": sk.accuracy_score(LABELS, decisions),
        "balanced_accuracy": sk.balanced_accuracy_score(LABELS, decisions),
    }
    assert all(0.1 < value < 1 for value in expected.values())
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    cells = [metrics[f"{name}s"] for name in ("true_negative", "false_positive", "false_negative", "true_positive")]
    assert cells == sk.confusion_matrix(LABELS, decisions).ravel().tolist()


def test_thresholds_that_use_the_labels_say_so(written):
    best = read_metrics(written[1])["optimistic"]
    assert best["note"] == "optimistic, uses test labels"
    assert best["f1_max"]["f1"] == pytest.approx(max(sk.f1_score(LABELS, score <= SCORES) for score in SCORES))
    assert best["youden"]["sensitivity"] == pytest.approx(sk.recall_score(LABELS, best["youden"]["threshold"] < SCORES))


def test_every_figure_has_an_interval_around_it(written):
    metrics = read_metrics(written[1])
    for name in INTERVALS:
        low, high = metrics[f"{name}_ci95"]
        assert 0 <= low <= metrics[name] <= high <= 1
        assert low < high


@pytest.mark.usefixtures("no_pictures")
def test_intervals_are_drawn_from_the_seed(written, tmp_path):
    evaluate(tmp_path / "same", seed=0)
    evaluate(tmp_path / "other", seed=1)
    auroc = [read_metrics(folder)["auroc_ci95"] for folder in (written[1], tmp_path / "same", tmp_path / "other")]
    assert auroc[0] == auroc[1] != auroc[2]


def test_says_what_was_evaluated_and_how(written):
    metrics = read_metrics(written[1])
    expected = {
        "threshold": THRESHOLD,
        "threshold_source": "quantile 0.9 of 40 normal validation images' scores",
        "n_normal": 12,
        "n_abnormal": 9,
        "n_patients": 11,
        "n_bootstrap": 200,
        "interval_method": "bootstrap",
        "bundle": "tiny",
        "seed": 3,
        "synthetic": False,
        "data": "somewhere",
        "split": "test",
        "checkpoint_sha256": "hash of the weights",
        "data_fingerprint": written[0].datalist.fingerprint,
    }
    assert {key: metrics[key] for key in expected} == expected
    assert "notice" not in metrics
    assert metrics["calibration"]["data_fingerprint"] == "fingerprint of the data trained on"
    assert ScoreDefinition(**metrics["calibration"]["score"]) == ScoreDefinition("l1")
    assert metrics["config"] == {"epochs": 4}
    assert metrics["images_fingerprint"] == datalist_fingerprint(written[0].datalist.items)
    assert {key: metrics[key] for key in environment()} == environment()


def test_scores_are_listed_in_the_order_of_the_data(written):
    header, *rows = read_scores(written[1])
    assert header == ["image", "label", "patient_id", "score", "decision", "view", "sex", "age", "finding"]
    assert {tuple(row[5:]) for row in rows} == {("", "", "", "")}
    assert [row[0] for row in rows] == [f"some/where/{i}.png" for i in range(21)]
    assert [row[1] for row in rows] == [str(label) for label in LABELS]
    assert [row[2] for row in rows] == [f"patient {i // 2}" for i in range(21)]
    assert [float(row[3]) for row in rows] == SCORES.tolist()


@pytest.mark.usefixtures("no_pictures")
def test_what_the_data_say_of_an_image_stands_in_the_table_and_makes_subgroups(tmp_path):
    known = [
        {"view": "PA", "sex": "F", "age": "058Y", "finding": "No Finding"},
        {"view": "AP", "sex": " M ", "age": 17, "finding": "Mass|Edema"},
        {"view": None, "sex": "", "age": "no age", "finding": "Mass"},
    ]
    evaluate(tmp_path, scores=[0.25, 0.75, 0.5], labels=[0, 1, 1], known=known)
    assert [row[5:] for row in read_scores(tmp_path)[1:]] == [
        ["PA", "F", "58", "No Finding"],
        ["AP", "M", "17", "Mass|Edema"],
        ["", "", "", "Mass"],
    ]
    groups = read_metrics(tmp_path)["subgroups"]
    assert [(row["group"], row["value"], row["n_normal"], row["n_abnormal"]) for row in groups] == [
        ("view", "AP", 0, 1),
        ("view", "PA", 1, 0),
        ("sex", "F", 1, 0),
        ("sex", "M", 0, 1),
        ("age", "0-17", 0, 1),
        ("age", "40-64", 1, 0),
        ("finding", "Edema", 1, 1),
        ("finding", "Mass", 1, 2),
    ]
    assert [groups[-1][name] for name in ("auroc", "auroc_ci95", "sensitivity", "specificity")] == [1.0, None, 0.5, 1.0]


def test_a_score_at_the_threshold_is_normal(written):
    _, *rows = read_scores(written[1])
    at_threshold = {row[4] for row in rows if float(row[3]) == THRESHOLD}
    assert at_threshold == {"0"}
    assert [int(row[4]) for row in rows] == [int(score > THRESHOLD) for score in SCORES]
    assert {row[4] for row in rows} == {"0", "1"}


def test_figures_can_be_had_again_from_the_table(written):
    _, *rows = read_scores(written[1])
    labels, scores = [int(row[1]) for row in rows], [float(row[3]) for row in rows]
    assert sk.roc_auc_score(labels, scores) == pytest.approx(read_metrics(written[1])["auroc"], abs=1e-12)


def test_pictures_can_be_opened_and_show_something(written):
    names = {path.name for path in written[1].iterdir()} - {"metrics.json", "scores.csv"}
    assert names == {"roc.png", "precision_recall.png", "score_histogram.png", "examples.png"}
    for name in names:
        with Image.open(written[1] / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 1


def test_curves_have_the_bands_of_their_patients(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr("imgae_monai.visualize.plot_roc", lambda path, series, *rest: drawn.update(roc=rest[-1]))
    monkeypatch.setattr("imgae_monai.visualize.plot_precision_recall", lambda path, *rest: drawn.update(pr=rest[-1]))
    evaluate(tmp_path)
    patients = [f"patient {i // 2}" for i in range(len(SCORES))]
    expected = compute_curve_bands(SCORES, LABELS, patients, n_draws=200, seed=0)
    for band, found in zip(expected, (drawn["roc"]["model"], drawn["pr"]["model"]), strict=True):
        assert np.array_equal(found.low, band.low)
        assert np.array_equal(found.high, band.high)


def test_only_extreme_images_of_each_class_are_drawn(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        "imgae_monai.visualize.picture_grid",
        lambda rows, path, vmax, title: drawn.update(rows=rows, vmax=vmax, title=title),
    )
    evaluate(tmp_path, scores=[0.25, 0.5, 0.75, 1.0, 0.125, 0.375, 0.625, 0.875], labels=[0] * 4 + [1] * 4)
    assert [row["caption"].split(":")[0] for row in drawn["rows"]] == [
        *["abnormal, highest score"] * 2,
        *["abnormal, lowest score"] * 2,
        *["normal, highest score"] * 2,
        *["normal, lowest score"] * 2,
    ]
    assert [float(row["image"].max()) for row in drawn["rows"]] == [0.875, 0.625, 0.125, 0.375, 1.0, 0.75, 0.25, 0.5]
    assert all(np.array_equal(row["image"], row["anomaly_map"]) and not row["pred"].any() for row in drawn["rows"])
    assert drawn["rows"][0]["caption"].endswith("7.png\nscore 0.875, decided abnormal")
    assert drawn["rows"][-1]["caption"].endswith("1.png\nscore 0.5, decided normal")
    assert (drawn["vmax"], drawn["title"]) == (0.75, "tiny l1-mean")


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_leaves_undefined_figures_empty(label, tmp_path):
    evaluate(tmp_path, scores=[0.25, 0.5, 0.75], labels=[label] * 3)
    metrics = read_metrics(tmp_path)
    assert metrics["optimistic"] is None
    undefined = ["auroc", "average_precision", "specificity" if label else "sensitivity"]
    assert [metrics[name] for name in undefined] == [None] * 3
    assert [metrics[f"{name}_ci95"] for name in undefined] == [None] * 3
    assert metrics["accuracy"] == pytest.approx(1 / 3 if label else 2 / 3)
    assert (metrics["n_normal"], metrics["n_abnormal"]) == ((0, 3) if label else (3, 0))
    assert len(read_scores(tmp_path)) == 4
    assert {path.name for path in tmp_path.glob("*.png")} == {"score_histogram.png", "examples.png"}


def test_synthetic_data_are_announced(tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr("imgae_monai.visualize.picture_grid", lambda rows, path, vmax, title: titles.append(title))
    evaluate(tmp_path, scores=[0.25, 0.75], labels=[0, 1], synthetic=True)
    metrics = read_metrics(tmp_path)
    assert metrics["synthetic"] is True
    assert metrics["notice"] == SYNTHETIC_NOTICE
    assert titles == ["tiny l1-mean (synthetic phantoms)"]


def test_a_second_run_starts_anew(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("imgae_monai.visualize.picture_grid", lambda rows, path, vmax, title: drawn.append(len(rows)))
    evaluate(tmp_path, scores=[0.25, 0.75, 0.5], labels=[0, 1, 1], runs=2)
    assert drawn == [6, 6]  # the normal one as highest and lowest, both abnormal ones as each
    assert len(read_scores(tmp_path)) == 4
    assert (read_metrics(tmp_path)["n_normal"], read_metrics(tmp_path)["n_abnormal"]) == (1, 2)


def test_normals_without_any_residual_still_give_pictures(tmp_path):
    calibration = dataclasses.replace(CALIBRATION, threshold=0.0, map_limit=0.0)
    evaluate(tmp_path, scores=[0.0, 0.75], labels=[0, 1], calibration=calibration)
    assert read_metrics(tmp_path)["accuracy"] == 1.0
    with Image.open(tmp_path / "examples.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 1


def test_a_score_that_is_no_number_names_its_image(tmp_path):
    with pytest.raises(ValueError, match=r"scores must be finite; NaN or infinite at image some/where/1\.png"):
        evaluate(tmp_path, scores=[0.25, float("nan"), 0.5], labels=[0, 1, 1])
    assert not (tmp_path / "metrics.json").exists()


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_first_image(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"cannot write to {tmp_path / 'file'}"):
        evaluate(tmp_path / "file", scores=[0.25, 0.75], labels=[0, 1])


def test_results_are_not_replaced_unasked(tmp_path):
    evaluate(tmp_path)
    before = (tmp_path / "metrics.json").read_bytes()
    with pytest.raises(InputError, match=r"metrics\.json exists"):
        evaluate(tmp_path, scores=SCORES[::-1])
    assert (tmp_path / "metrics.json").read_bytes() == before


def test_pictures_of_an_earlier_evaluation_do_not_stay(tmp_path):
    (tmp_path / "roc.png").write_bytes(b"of other weights")
    evaluate(tmp_path, scores=[0.25, 0.5], labels=[0, 0])
    assert not (tmp_path / "roc.png").exists()


def test_images_that_set_the_threshold_are_refused(tmp_path):
    calibration = dataclasses.replace(CALIBRATION, image_sha256=("some/where/1.png", "other"))
    with pytest.raises(InputError, match=r"1 image\(s\) of the test split set the threshold: some/where/1\.png"):
        evaluate(tmp_path, calibration=calibration)


def test_no_bootstrap_draws_are_refused_at_once(tmp_path):
    with pytest.raises(InputError, match="n_bootstrap must be at least 1, got 0"):
        EvaluationWriter(tmp_path, Datalist([], "somewhere", False), "test", CALIBRATION, settings={}, n_bootstrap=0)


def test_the_images_fingerprint_is_of_what_is_scored(tmp_path, no_pictures):
    """Another seed holds out other patients for validation, and the compared images stay what they are."""
    writers = [evaluate(tmp_path / name) for name in ("a", "b", "c")]
    other = {"image": "x.png", "label": 0, "patient_id": "x", "split": "train", "sha256": "x"}
    writers[1].datalist.items.append(other)
    writers[2].datalist.items.append({**other, "split": "test"})
    found = [writer._metrics()["images_fingerprint"] for writer in writers]
    assert found[0] == found[1] != found[2]

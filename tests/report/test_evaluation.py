"""Folders of evaluations, whole, old and spoilt."""

from __future__ import annotations

import json

import pytest

from imgae_monai.exceptions import InputError
from imgae_monai.report import load_evaluation

SCORES = "image,label,patient_id,score,decision\na.png,0,p1,0.1,0\nb.png,1,p2,0.9,1\n"


def evaluation(folder, metrics=None, scores=SCORES, **files):
    folder.mkdir(exist_ok=True)
    metrics = {"n_normal": 1, "n_abnormal": 1, "checkpoint_sha256": "abc"} | (metrics or {})
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "scores.csv").write_text(scores)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_a_folder_gives_its_columns_and_metrics(tmp_path):
    found = load_evaluation(evaluation(tmp_path / "unet"))
    assert (found.name, found.images, found.patient_ids) == ("unet", ("a.png", "b.png"), ("p1", "p2"))
    assert found.labels.tolist() == [0, 1]
    assert found.decisions.tolist() == [0, 1]
    assert found.metrics["checkpoint_sha256"] == "abc"
    assert found.record is None


def test_the_record_is_of_the_run_whose_weights_were_evaluated(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "train.json").write_text(json.dumps({"seed": 3, "checkpoint_sha256": "abc"}))
    elsewhere = evaluation(tmp_path / "e", {"config": {"bundle_root": str(run)}})
    assert load_evaluation(elsewhere).record["seed"] == 3
    (run / "train.json").write_text(json.dumps({"seed": 3, "checkpoint_sha256": "trained again"}))
    assert load_evaluation(elsewhere).record is None


def test_a_csv_file_is_an_evaluation_without_metrics(tmp_path):
    path = tmp_path / "other_tool.csv"
    path.write_text("image,label,patient_id,score,view\na,0,p,1,PA\n")
    found = load_evaluation(path)
    assert (found.name, found.folder, found.metrics, found.decisions) == ("other_tool", tmp_path, None, None)


def test_what_is_no_evaluation_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist: give a folder that imgae-monai evaluate wrote"):
        load_evaluation(tmp_path / "none")
    with pytest.raises(InputError, match=r"has no metrics\.json and no scores\.csv"):
        load_evaluation(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "train.json").write_text("{}")
    with pytest.raises(InputError, match="a run that was not evaluated: run imgae-monai evaluate"):
        load_evaluation(tmp_path)


def test_files_of_two_evaluations_are_refused(tmp_path):
    folder = evaluation(tmp_path / "e", {"n_normal": 7})
    with pytest.raises(InputError, match=r"is of 7 normal and 1 abnormal images, scores\.csv of 1 and 1"):
        load_evaluation(folder)


def test_an_auroc_of_other_scores_is_refused(tmp_path):
    folder = evaluation(tmp_path / "e", {"auroc": 0.5})
    with pytest.raises(InputError, match=r"metrics\.json has an AUROC of 0\.500000, scores\.csv one of 1\.000000"):
        load_evaluation(folder)
    load_evaluation(evaluation(tmp_path / "e", {"auroc": 1.0}))
    load_evaluation(evaluation(tmp_path / "e", {"auroc": None}))


@pytest.mark.parametrize("text", ["{", "[]"])
def test_spoilt_metrics_are_named(text, tmp_path):
    folder = evaluation(tmp_path / "e")
    (folder / "metrics.json").write_text(text)
    with pytest.raises(InputError, match=r"metrics\.json.*make it again"):
        load_evaluation(folder)

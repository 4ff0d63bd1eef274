from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest

from imgae_monai.audit import score_split
from imgae_monai.data import load_datalist, write_datalist_file
from imgae_monai.handlers import NoModelRecorder


@pytest.fixture(scope="module")
def datalist(phantoms):
    return load_datalist(phantoms)


@pytest.fixture(scope="module")
def alone(phantoms, tmp_path_factory):
    """The test split without any training image."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(phantoms / "test", folder / "test")
    return load_datalist(folder)


def rows_of(datalist, split="test"):
    items = datalist.select(split)
    return [{**{k: i[k] for k in ("image", "label", "patient_id")}, "score": float(n)} for n, i in enumerate(items)]


def test_scores_stand_in_a_table_in_the_order_of_the_rows(datalist, tmp_path):
    recorder, rows = NoModelRecorder(datalist, "test", tmp_path / "none"), rows_of(datalist)[::-1]
    result = recorder.results(rows, n_draws=20)
    assert result["n_train"] == 24
    recorder.write(tmp_path / "scores.csv", rows)
    with open(tmp_path / "scores.csv", newline="") as f:
        written = list(csv.DictReader(f))
    assert [row["image"] for row in written] == [row["image"] for row in rows]
    expected, _ = score_split([row["image"] for row in rows], datalist.select("train", 0))
    assert written[0].keys() == {"image", "label", "patient_id", *expected}
    for name, values in expected.items():
        assert [float(row[name]) for row in written] == values.tolist()


def test_data_without_training_images_take_those_of_the_run(datalist, alone, tmp_path):
    rows = rows_of(alone)
    assert NoModelRecorder(alone, "test", tmp_path / "none").results(rows, 20)["n_train"] == 0
    write_datalist_file(tmp_path / "datalist.json", datalist)
    recorder = NoModelRecorder(alone, "test", tmp_path / "datalist.json")
    assert recorder.results(rows, 20)["n_train"] == 24
    _, expected = (
        recorder.scores["pca_residual"],
        score_split([r["image"] for r in rows], datalist.select("train", 0)),
    )
    np.testing.assert_array_equal(recorder.scores["pca_residual"], expected[0]["pca_residual"])


def test_images_that_are_evaluated_teach_nothing(datalist, tmp_path):
    path = tmp_path / "datalist.json"
    write_datalist_file(path, datalist)
    recorder = NoModelRecorder(datalist, "train", path)
    assert recorder._training_normals() == []
    normals = NoModelRecorder(datalist, "test", path)._training_normals()
    assert {(item["split"], item["label"]) for item in normals} == {("train", 0)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"enabled": False}, "switched off"),
        ({"spatial_dims": 3}, "not of volumes"),
    ],
)
def test_what_cannot_be_had_has_a_reason(changes, reason, datalist, tmp_path):
    recorder = NoModelRecorder(datalist, "test", tmp_path / "none", **changes)
    assert recorder.results(rows_of(datalist), 20) is None
    assert reason in recorder.reason
    recorder.write(tmp_path / "scores.csv", [])
    assert not (tmp_path / "scores.csv").exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: [row for row in rows if row["label"]], "one class only"),
        (lambda rows: [{**row, "image": "hf://a/b#train/1"} for row in rows], "of a stream"),
        (lambda rows: [*rows[1:], {**rows[0], "image": "/not/there.png"}], "there.png"),
    ],
)
def test_images_that_cannot_be_scored_have_a_reason_and_end_nothing(change, reason, datalist, tmp_path):
    recorder = NoModelRecorder(datalist, "test", tmp_path / "none")
    assert recorder.results(rows_of(datalist), 20)
    assert recorder.results(change(rows_of(datalist)), 20) is None
    assert reason in recorder.reason
    assert recorder.scores == {}

"""Comparing runs, evaluations and tables of scores."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from imgae_monai.cli.compare import _unique
from imgae_monai.cli.train_seeds import base_name
from imgae_monai.exceptions import InputError
from imgae_monai.metrics import delong_test
from tests.conftest import BUNDLES

FAST = ("--n_bootstrap", 100, "--cost", "false")


def read_json(path: Path) -> dict:
    return json.loads(path.read_text())


def read_rows(path: Path) -> list[dict]:
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def refused(cli, capsys, *words) -> str:
    with pytest.raises(SystemExit) as e:
        cli(*words)
    assert e.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def evaluated(cli, runs, tmp_path_factory) -> dict[str, Path]:
    folders = {bundle: tmp_path_factory.mktemp("evaluated") / bundle for bundle in BUNDLES}
    for bundle, run in runs.items():
        cli("evaluate", run, "--output", folders[bundle], "--n_bootstrap", 100)
    return folders


@pytest.fixture
def table(evaluated, tmp_path) -> Path:
    """The first bundle's scores as another tool might give them: other order, no decisions, one digit less."""
    rows = read_rows(evaluated[BUNDLES[0]] / "scores.csv")[::-1]
    path = tmp_path / "other_tool.csv"
    with open(path, "w", newline="") as f:
        writer = csv.DictWriter(f, ["score", "image", "label", "patient_id"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


COST = {"parameters": 12345, "checkpoint_mb": 1.5, "latency_ms": 2.25, "batch_size": 8, "batch_latency_ms": 1.125}
COST |= {"images_per_second": 888.9, "peak_memory_mb": 600.0, "added_memory_mb": 50.0, "image_size": 32}
COST |= {"device": "cpu", "device_name": "an abacus", "n_threads": 1, "n_repeats": [7, 5]}


def test_two_runs_are_evaluated_and_compared(cli, capsys, runs, evaluated, tmp_path, monkeypatch):
    def cost(run, device):
        if run == runs[BUNDLES[1]]:
            raise InputError("the cost can't be measured: no memory")
        return COST

    monkeypatch.setattr("imgae_monai.engines.measure_cost", cost)
    words = ["compare", runs[BUNDLES[0]], runs[BUNDLES[1]], "--output", tmp_path / "c", "--n_bootstrap", 100]
    cli(*words)
    shown = capsys.readouterr().out
    result = read_json(tmp_path / "c" / "compare.json")
    asked = BUNDLES[::-1]  # whether the reversed one is better
    a, b = (read_rows(evaluated[bundle] / "scores.csv") for bundle in asked)
    expected = delong_test(
        [float(row["score"]) for row in a],
        [float(row["score"]) for row in b],
        [int(row["label"]) for row in a],
        [row["patient_id"] for row in a],
    )
    (pair,) = result["pairs"]
    assert (pair["a"], pair["b"]) == asked
    found = pair["auroc"]["delong"]
    assert found["interval"] == pytest.approx(expected["interval"])
    assert result["same_images"] == "by the fingerprint of the images' bytes"
    assert [m["auroc"] for m in result["models"]] == [
        read_json(evaluated[bundle] / "metrics.json")["auroc"] for bundle in BUNDLES
    ]
    # the synthetic notice comes before every number
    assert "SYNTHETIC DATA" in shown[: shown.index("Is the AUROC of")]
    low, high = found["interval"]
    assert ("No difference shown" in shown) == (low <= 0 <= high)
    assert "Is reversed_autoencoder better than unet_autoencoder?" in shown
    page = (tmp_path / "c" / "compare.md").read_text()
    assert all(f"- {line}" in page for line in result["words"])
    assert result["cost"] == [
        {"name": BUNDLES[0], **COST},
        {"name": BUNDLES[1], "reason": "the cost can't be measured: no memory"},
    ]
    assert "12,345" in shown
    assert all(text in page for text in ("12,345", "an abacus", "no memory"))
    assert "already holds a comparison" in refused(cli, capsys, *words)


def test_a_run_an_evaluation_and_a_table_together(cli, runs, evaluated, table, tmp_path):
    cli("compare", runs[BUNDLES[0]], evaluated[BUNDLES[1]], table, "--output", tmp_path / "c", *FAST)
    result = read_json(tmp_path / "c" / "compare.json")
    names = [model["name"] for model in result["models"]]
    assert names == [BUNDLES[0], BUNDLES[1], "other_tool"]
    assert result["same_images"] == "by the images' names, labels and patients"
    by_pair = {(pair["a"], pair["b"]): pair for pair in result["pairs"]}
    same = by_pair[BUNDLES[0], "other_tool"]
    assert (same["auroc"]["delong"]["difference"], same["auroc"]["delong"]["p_value"]) == (0, 1)
    assert same["decisions"] is None
    assert by_pair[BUNDLES[::-1]]["decisions"] is not None
    assert "cost" not in result
    # the evaluation is used as it is
    assert sorted(path.name for path in (tmp_path / "c" / "evaluations").iterdir()) == [BUNDLES[0]]


def test_other_images_and_labels_are_refused(cli, capsys, evaluated, table, tmp_path):
    text = table.read_text()
    first = read_rows(table)[0]
    words = ["compare", evaluated[BUNDLES[0]], table, "--output", tmp_path / "c", *FAST]
    table.write_text(text.replace(first["image"], "elsewhere.png"))
    assert "only in" in refused(cli, capsys, *words)
    row = f"{first['image']},{first['label']},"
    table.write_text(text.replace(row, f"{first['image']},{1 - int(first['label'])},"))
    assert f"{first['image']} has label" in refused(cli, capsys, *words)
    assert not (tmp_path / "c").exists()


def test_what_can_not_be_compared_is_refused_at_once(cli, capsys, runs, table, tmp_path):
    run, output = runs[BUNDLES[0]], ("--output", tmp_path / "c")
    assert "was given twice" in refused(cli, capsys, "compare", run, run, *output)
    assert "does not exist" in refused(cli, capsys, "compare", run, tmp_path / "none", *output)
    assert "compare needs run_b" in refused(cli, capsys, "compare", run, *output)
    assert "--seeds must be at least 1" in refused(cli, capsys, "compare", run, table, *output, "--seeds", 0)
    copy = shutil.copy(table, tmp_path / "copy.csv")
    assert "none was given" in refused(cli, capsys, "compare", table, copy, *output, "--seeds", 3)


def test_seeds_that_are_missing_are_trained_once(cli, capsys, runs, evaluated, tmp_path):
    run = shutil.copytree(runs[BUNDLES[0]], tmp_path / "unet_seed0")
    words = ["compare", run, evaluated[BUNDLES[1]], "--output", tmp_path / "c", "--seeds", 2, *FAST]
    cli(*words)
    trained = tmp_path / "c" / "unet-seed1"
    record = read_json(trained / "train.json")
    assert (record["seed"], record["finished"]) == (1, True)
    before = read_json(run / "train.json")["config"]
    assert {key for key in before if before[key] != record["config"][key]} == {"seed", "bundle_root"}
    unet, other = read_json(tmp_path / "c" / "compare.json")["seeds"]["models"]
    assert (unet["name"], unet["members"], unet["seeds"]) == ("unet", ["unet-seed0", "unet-seed1"], [0, 1])
    assert unet["auroc"]["values"][0] != unet["auroc"]["values"][1]
    assert other["seeds"] == [0]
    assert "one seed, so that chance of training" in capsys.readouterr().out

    weights = (trained / "models" / "model.pt").stat().st_mtime_ns
    cli(*words, "--overwrite")
    assert (trained / "models" / "model.pt").stat().st_mtime_ns == weights

    config = read_json(trained / "configs" / "train.json")
    (trained / "configs" / "train.json").write_text(json.dumps(config | {"dropout": 0.5}))
    assert "with another seed; different: dropout" in refused(cli, capsys, *words, "--overwrite")


def test_a_given_run_is_a_seed_of_another(cli, runs, train_tiny, tmp_path):
    runs_of = [shutil.copytree(runs[BUNDLES[0]], tmp_path / "a"), train_tiny(BUNDLES[0], tmp_path / "b", "--seed", 1)]
    cli("compare", *runs_of, "--output", tmp_path / "c", "--seeds", 2, *FAST)
    (model,) = read_json(tmp_path / "c" / "compare.json")["seeds"]["models"]
    assert model["members"] == ["a-seed0", "a-seed1"]
    assert not (tmp_path / "c" / "a-seed1").exists()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("unet_seed0", "unet"), ("unet-seed12", "unet"), ("unet", "unet"), ("seed3", "seed3"), ("seedling2", "seedling2")],
)
def test_the_name_of_a_model_is_without_its_seed(folder, name):
    assert base_name(Path("/runs") / folder) == name


def test_models_of_one_name_are_told_apart():
    paths = [Path("/x/unet"), Path("/y/unet"), Path("/y/ra")]
    assert _unique(["unet", "unet", "ra"], paths) == ["x-unet", "y-unet", "ra"]
    assert _unique(["unet", "unet"], [Path("/x/unet"), Path("/x/unet.csv")]) == ["x-unet-1", "x-unet-2"]

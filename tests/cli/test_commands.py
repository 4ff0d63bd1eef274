"""The commands as a user strings them together, and what they refuse."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.cli.test_resume import fault
from tests.conftest import BUNDLES, REPO, SHARED


def refused(cli, capsys, *words) -> str:
    with pytest.raises(SystemExit) as e:
        cli(*words)
    assert e.value.code == 2
    return capsys.readouterr().err


def read_json(path: Path) -> dict:
    return json.loads(path.read_text())


def read_rows(path: Path) -> list[dict]:
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


@pytest.fixture
def run(runs, tmp_path) -> Path:
    """A copy of a trained run that a test may spoil."""
    return Path(shutil.copytree(runs["reversed_autoencoder"], tmp_path / "copy"))


@pytest.fixture(scope="module")
def evaluated(cli, runs, tmp_path_factory) -> dict[str, Path]:
    folders = {}
    for bundle, run in runs.items():
        folders[bundle] = tmp_path_factory.mktemp("evaluated") / bundle
        cli("evaluate", run, "--output", folders[bundle], "--n_bootstrap", 200)
    return folders


@pytest.mark.parametrize("bundle", BUNDLES)
def test_train_leaves_a_run(bundle, runs, phantoms):
    run = runs[bundle]
    record = read_json(run / "train.json")
    assert record["finished"]
    assert record["bundle"] == bundle
    assert [epoch for epoch, _ in record["train_loss"]] == [1, 2]
    assert [epoch for epoch, _ in record["val_loss"]] == [1, 2]
    assert record["best_val_loss"] == min(loss for _, loss in record["val_loss"])
    assert record["data"] == str(phantoms)
    assert record["synthetic"]
    assert "SYNTHETIC" in record["notice"]
    assert {"seed", "versions", "data_fingerprint", "seconds"} <= record.keys()
    assert list((run / "tensorboard").glob("events.out.tfevents.*"))
    config = read_json(run / "configs" / "train.json")
    assert (config["image_size"], config["latent_size"], config["epochs"]) == (32, 4, 2)
    assert read_json(run / "configs" / "inference.json")["latent_size"] == 4


def test_same_seed_same_weights(train_tiny, runs, tmp_path):
    again = train_tiny("reversed_autoencoder", tmp_path / "again")
    other = train_tiny("reversed_autoencoder", tmp_path / "other", "--seed", 1)
    first, second, third = (
        torch.load(r / "models" / "model.pt", weights_only=True) for r in (runs["reversed_autoencoder"], again, other)
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not all(torch.equal(first[key], third[key]) for key in first)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_metrics_agree_with_scikit_learn_on_the_scores(bundle, evaluated):
    folder = evaluated[bundle]
    metrics, rows = read_json(folder / "metrics.json"), read_rows(folder / "scores.csv")
    labels = [int(row["label"]) for row in rows]
    scores = [float(row["score"]) for row in rows]
    assert metrics["auroc"] == pytest.approx(roc_auc_score(labels, scores))
    assert metrics["average_precision"] == pytest.approx(average_precision_score(labels, scores))
    decisions = [int(score > metrics["threshold"]) for score in scores]
    assert [int(row["decision"]) for row in rows] == decisions
    assert metrics["sensitivity"] == pytest.approx(np.mean([d for d, y in zip(decisions, labels, strict=True) if y]))
    assert (metrics["n_normal"], metrics["n_abnormal"]) == (12, 12)
    low, high = metrics["auroc_ci95"]
    assert low <= metrics["auroc"] <= high
    for name in ("roc.png", "precision_recall.png", "score_histogram.png", "examples.png"):
        Image.open(folder / name).verify()


def test_threshold_is_a_quantile_of_normal_validation_scores(cli, runs, tmp_path):
    run = runs["reversed_autoencoder"]
    threshold = read_json(run / "train.json")["calibration"]["threshold"]
    cli("predict", run, *_validation_files(run), "--output", tmp_path / "predicted")
    scores = [float(row["score"]) for row in read_rows(tmp_path / "predicted" / "predictions.csv")]
    assert threshold == pytest.approx(np.quantile(scores, 0.95, method="higher"), rel=1e-6)


def _validation_files(run: Path) -> list[str]:
    return [item["image"] for item in read_json(run / "models" / "datalist.json")["validation"]]


@pytest.mark.parametrize("split", ["train", "val"])
def test_images_that_were_trained_on_are_refused(cli, capsys, runs, split, tmp_path):
    error = refused(cli, capsys, "evaluate", runs["unet_autoencoder"], "--split", split, "--output", tmp_path)
    assert f"image(s) of the {split} split, or their patients, were trained on" in error


def test_a_trained_image_under_another_name_is_refused(cli, capsys, runs, phantoms, tmp_path):
    trained = sorted((phantoms / "train" / "normal").glob("*.png"))[0]
    (tmp_path / "test" / "normal").mkdir(parents=True)
    shutil.copy(trained, tmp_path / "test" / "normal" / "renamed.png")
    error = refused(cli, capsys, "evaluate", runs["unet_autoencoder"], "--data", tmp_path, "--output", tmp_path / "out")
    assert "renamed.png" in error


def test_results_are_not_overwritten_unless_told(cli, capsys, run, evaluated):
    for name in ("metrics.json", "scores.csv"):
        shutil.copy(evaluated["reversed_autoencoder"] / name, run / name)
    assert "metrics.json exists" in refused(cli, capsys, "evaluate", run)
    cli("evaluate", run, "--n_bootstrap", 50, "--overwrite")
    assert read_json(run / "metrics.json")["n_bootstrap"] == 50


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ["--residual", "ssim", "--smoothing_sigma", 1.0],
            {"residual": "ssim", "smoothing_sigma": 1.0, "z_score": False},
        ),
        (["--residual", "gms", "--residual_clahe"], {"residual": "gms", "residual_clahe": True}),
        (["--z_score", "--reduction", "top"], {"residual": "l1", "z_score": True, "reduction": "top"}),
    ],
)
def test_another_score_wants_its_own_calibration(cli, capsys, run, options, expected, tmp_path):
    image = _validation_files(run)[0]
    assert "no calibration for the score" in refused(cli, capsys, "evaluate", run, *options, "--output", tmp_path / "a")
    assert "no calibration" in refused(cli, capsys, "predict", run, image, *options, "--output", tmp_path / "c")
    cli("calibrate", run, *options)
    cli("evaluate", run, *options, "--output", tmp_path / "b", "--n_bootstrap", 50)
    score = read_json(tmp_path / "b" / "metrics.json")["calibration"]["score"]
    assert {key: score[key] for key in expected} == expected
    cli("predict", run, image, *options, "--output", tmp_path / "c")
    assert len(read_rows(tmp_path / "c" / "predictions.csv")) == 1


def test_calibration_refuses_images_that_were_trained_on(cli, capsys, run, phantoms, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(phantoms / "train" / "normal", data / "val" / "normal")
    before = (run / "models" / "calibration-l1-mean.pt").read_bytes()
    assert "were trained on" in refused(cli, capsys, "calibrate", run, "--data", data)
    assert (run / "models" / "calibration-l1-mean.pt").read_bytes() == before


def test_one_class_gives_undefined_and_not_nan(cli, capsys, runs, phantoms, tmp_path):
    shutil.copytree(phantoms / "test" / "normal", tmp_path / "data" / "test" / "normal")
    cli("evaluate", runs["unet_autoencoder"], "--data", tmp_path / "data", "--output", tmp_path / "out")
    assert "auroc             undefined" in capsys.readouterr().out
    metrics = read_json(tmp_path / "out" / "metrics.json")
    assert metrics["auroc"] is None
    assert metrics["specificity"] is not None
    assert (tmp_path / "out" / "score_histogram.png").is_file()


def test_predict_names_what_it_cannot_read_and_goes_on(cli, capsys, runs, phantoms, tmp_path):
    source = sorted((phantoms / "test" / "abnormal").glob("*.png"))[0]
    for folder in ("a", "b"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        shutil.copy(source, tmp_path / "in" / folder / "same.png")
    (tmp_path / "in" / "cut.png").write_bytes(source.read_bytes()[:200])
    (tmp_path / "in" / "empty.png").touch()
    with pytest.raises(SystemExit) as e:
        cli("predict", runs["unet_autoencoder"], tmp_path / "in", "--output", tmp_path / "out")
    assert e.value.code == 1
    shown = capsys.readouterr()
    assert "cut.png" in shown.err
    assert "empty.png" in shown.err
    assert "2 scored, 2 refused" in shown.out
    rows = read_rows(tmp_path / "out" / "predictions.csv")
    assert len({row["overlay"] for row in rows}) == 2
    for row in rows:
        assert all((tmp_path / "out" / row[key]).is_file() for key in ("map_png", "map_nifti", "overlay"))
    assert len(read_rows(tmp_path / "out" / "refused.csv")) == 2
    error = refused(cli, capsys, "predict", runs["unet_autoencoder"], source, "--output", tmp_path / "out")
    assert "already holds predictions" in error


def test_predict_brings_maps_back_to_the_files_size(cli, runs, tmp_path):
    nib = pytest.importorskip("nibabel")
    wide = tmp_path / "wide.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 90), dtype=np.uint8)).save(wide)
    cli("predict", runs["reversed_autoencoder"], wide, "--output", tmp_path / "out")
    assert Image.open(tmp_path / "out" / "wide_map.png").size == (90, 40)
    assert Image.open(tmp_path / "out" / "wide_overlay.png").size == (90, 40)
    assert nib.load(tmp_path / "out" / "wide_map.nii.gz").shape == (90, 40, 1)


def test_predict_explains_scores_at_the_files_size(cli, capsys, runs, phantoms, tmp_path):
    nib = pytest.importorskip("nibabel")
    wide = tmp_path / "wide.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 90), dtype=np.uint8)).save(wide)
    words = ["predict", runs["unet_autoencoder"], wide, phantoms / "test" / "normal", "--output"]
    cli(*words, tmp_path / "plain")
    cli(*words, tmp_path / "out", "--explain", "gradient,occlusion")
    plain, explained = (read_rows(tmp_path / name / "predictions.csv") for name in ("plain", "out"))
    assert [{key: row[key] for key in plain[0]} for row in explained] == plain
    first = explained[0]
    for method in ("gradient", "occlusion"):
        for key in ("png", "overlay"):
            assert Image.open(tmp_path / "out" / first[f"{method}_{key}"]).size == (90, 40)
        voxels = nib.load(tmp_path / "out" / first[f"{method}_nifti"]).get_fdata()
        assert voxels.shape == (90, 40, 1)
        highest = np.sort(np.abs(voxels).ravel())[-36:]
        assert float(first[f"{method}_limit"]) == pytest.approx(highest.mean(), rel=1e-5)
        assert len({row[f"{method}_limit"] for row in explained}) == len(explained)
    error = refused(cli, capsys, *words, tmp_path / "plain", "--overwrite", "--explain", "gradient,lime")
    assert "explain takes gradient, occlusion (several by commas), got 'lime'" in error
    assert (tmp_path / "plain" / "predictions.csv").is_file()


def test_a_run_is_refused_resumed_or_overwritten(cli, capsys, train_tiny, tmp_path):
    run = train_tiny("reversed_autoencoder", tmp_path / "run")
    first = read_json(run / "train.json")
    with pytest.raises(SystemExit):
        train_tiny("reversed_autoencoder", run)
    assert "already holds a run" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        train_tiny("reversed_autoencoder", run, "--resume", "--seed", 5)
    assert "can only be resumed as it was started; different: seed" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        train_tiny("unet_autoencoder", run, "--resume")
    assert "different: bundle_name" in capsys.readouterr().err

    cli("evaluate", run, "--n_bootstrap", 50)
    train_tiny("reversed_autoencoder", run, "--resume", "--epochs", 4)
    assert not (run / "metrics.json").exists()
    assert read_json(run / "before_resume_1" / "metrics.json")["n_bootstrap"] == 50
    resumed = read_json(run / "train.json")
    assert [epoch for epoch, _ in resumed["train_loss"]] == [1, 2, 3, 4]
    assert resumed["train_loss"][:2] == first["train_loss"]
    assert resumed["best_val_loss"] <= first["best_val_loss"]
    assert read_json(run / "configs" / "train.json")["epochs"] == 4

    cli("evaluate", run, "--n_bootstrap", 50)
    train_tiny("reversed_autoencoder", run, "--overwrite", "--epochs", 1)
    assert not (run / "metrics.json").exists()
    assert [epoch for epoch, _ in read_json(run / "train.json")["train_loss"]] == [1]


def test_resume_wants_something_to_resume(capsys, train_tiny, tmp_path):
    with pytest.raises(SystemExit):
        train_tiny("reversed_autoencoder", tmp_path / "none", "--resume")
    assert "nothing to resume" in capsys.readouterr().err


def test_nan_loss_stops_at_once_and_keeps_the_last_good_checkpoint(cli, capsys, phantoms, tmp_path):
    # 24 images in batches of 8: the 5th call in training is epoch 2, iteration 5
    run = tmp_path / "run"
    faulty = repr(fault("reversed_autoencoder", "NanAfter", n=4))[1:-1]
    small = "{'channels': [4, 8], 'strides': [2, 2], " + faulty + "}"
    error = refused(
        cli,
        capsys,
        "train",
        "reversed_autoencoder",
        "--data",
        phantoms,
        "--output",
        run,
        "--epochs",
        3,
        "--image_size",
        32,
        "--batch_size",
        8,
        "--device",
        "cpu",
        "--set",
        small,
    )
    assert "the loss is nan at epoch 2, iteration 5" in error
    assert "learning_rate" in error
    weights = torch.load(run / "models" / "model.pt", weights_only=True)
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert (run / "models" / "checkpoint_epoch=1.pt").is_file()
    assert not (run / "models" / "checkpoint_epoch=2.pt").exists()
    assert read_json(run / "train.json")["finished"] is False


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_weights_of_the_other_bundle_are_named(cli, capsys, run, runs, command, phantoms, tmp_path):
    shutil.copy(runs["unet_autoencoder"] / "models" / "model.pt", run / "models" / "model.pt")
    files = [] if command == "evaluate" else [phantoms / "test" / "normal"]
    error = refused(cli, capsys, command, run, *files, "--output", tmp_path / "out")
    assert "is a checkpoint of UNetAutoencoder, expected IntrospectiveAutoencoder" in error


def test_weights_of_another_size_are_named(cli, capsys, run, tmp_path):
    config = read_json(run / "configs" / "train.json")
    config["latent_size"] = 8
    (run / "configs" / "train.json").write_text(json.dumps(config))
    error = refused(cli, capsys, "evaluate", run, "--output", tmp_path / "out")
    assert "another size" in error
    assert "in the file" in error


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_spoilt_checkpoint_is_named(cli, capsys, run, content, tmp_path):
    (run / "models" / "model.pt").write_bytes(content)
    error = refused(cli, capsys, "evaluate", run, "--output", tmp_path / "out")
    assert "model.pt is not a readable checkpoint" in error


@pytest.mark.parametrize("where", ["below a file", "/proc"])
def test_an_output_that_cannot_be_written_is_refused(capsys, train_tiny, where, tmp_path):
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "run" if where == "below a file" else Path("/proc/imgae_monai/run")
    with pytest.raises(SystemExit) as e:
        train_tiny("reversed_autoencoder", output)
    assert e.value.code == 2
    assert "cannot write to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (None, "does not exist"),
        ([], "has no folder named train, val or test"),
        (["train/empty"], "is neither a normal (normal) nor an abnormal class (abnormal)"),
        (["test/abnormal"], "no normal images in the"),
        (["train/normal", "train/abnormal"], "12 abnormal image(s) in the training split"),
    ],
)
def test_bad_data_are_refused(capsys, train_tiny, phantoms, folders, message, tmp_path):
    if folders is not None:
        (tmp_path / "data").mkdir()
    for folder in folders or []:
        if folder.endswith("normal"):
            shutil.copytree(phantoms / "test" / Path(folder).name, tmp_path / "data" / folder)
        else:
            (tmp_path / "data" / folder).mkdir(parents=True)
    with pytest.raises(SystemExit) as e:
        train_tiny("reversed_autoencoder", tmp_path / "run", data=tmp_path / "data")
    assert e.value.code == 2
    assert message in capsys.readouterr().err


def test_an_unreadable_training_image_is_named(capsys, train_tiny, phantoms, tmp_path):
    data = Path(shutil.copytree(phantoms, tmp_path / "data"))
    (data / "synthetic.json").unlink()
    victim = sorted((data / "train" / "normal").glob("*.png"))[3]
    victim.write_bytes(victim.read_bytes()[:300])
    with pytest.raises(SystemExit) as e:
        train_tiny("reversed_autoencoder", tmp_path / "run", data=data)
    assert e.value.code == 2
    assert f"cannot read {victim}" in capsys.readouterr().err


def test_names_of_folders_can_be_mapped(cli, train_tiny, phantoms, tmp_path):
    data = tmp_path / "chest_xray"
    for split, label, name in (
        ("train", "normal", "NORMAL"),
        ("test", "normal", "NORMAL"),
        ("test", "abnormal", "PNEUMONIA"),
    ):
        shutil.copytree(phantoms / split / label, data / split / name)
    names = (
        "--normal_names",
        "NORMAL",
        "--abnormal_names",
        "PNEUMONIA,COVID",
        "--val_fraction",
        0.5,
        "--specificity",
        0.8,
    )
    run = train_tiny("reversed_autoencoder", tmp_path / "run", *names, "--epochs", 1, data=data)
    counts = read_json(run / "train.json")["data_counts"]
    assert counts["train"]["normal"] + counts["val"]["normal"] == 24
    assert counts["test"] == {"normal": 12, "abnormal": 12}


def test_demo_leaves_the_whole_way(cli, capsys, tmp_path):
    root = tmp_path / "demo"
    cli("demo", "--output", root, "--epochs", 1)
    shown = capsys.readouterr().out
    assert "SYNTHETIC DATA" in shown
    left = ("comparison/compare.json", "report/report.html", "predictions/predictions.csv")
    for name in (*(f"{b}/metrics.json" for b in BUNDLES), *left):
        assert (root / name).is_file()
    assert read_json(root / "unet_autoencoder" / "metrics.json")["synthetic"] is True
    assert "is not empty" in refused(cli, capsys, "demo", "--output", root)


@pytest.mark.parametrize("name", ["nih_layout224", "brain_mri128"])
def test_trains_on_real_images_unchanged_but_for_the_data(cli, train_tiny, name, tmp_path):
    data = SHARED / "data" / name
    if not data.is_dir():
        pytest.skip(f"{data} is absent")
    run = train_tiny("reversed_autoencoder", tmp_path / "run", "--epochs", 1, data=data)
    record = read_json(run / "train.json")
    assert record["synthetic"] is False
    assert record["data_counts"]["train"]["abnormal"] == 0


def test_a_failed_overwrite_leaves_the_old_run(capsys, train_tiny, run, tmp_path):
    before = {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for bad in (["--preset", "smal"], ["--residual", "l3"], ["--image_size", 34]):
        with pytest.raises(SystemExit):
            train_tiny("unet_autoencoder", run, "--overwrite", *bad)
    with pytest.raises(SystemExit):
        train_tiny("unet_autoencoder", run, "--overwrite", data=tmp_path / "nowhere")
    assert {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_bundle_is_not_overwritten_by_a_run(capsys, train_tiny, tmp_path):
    folder = Path(shutil.copytree(REPO / "bundles" / "reversed_autoencoder", tmp_path / "bundle"))
    with pytest.raises(SystemExit):
        train_tiny("unet_autoencoder", folder)
    assert "is neither empty nor a run" in capsys.readouterr().err
    assert read_json(folder / "configs" / "train.json")["bundle_name"] == "reversed_autoencoder"


def test_a_run_is_not_resumed_on_other_data_or_backwards(capsys, train_tiny, phantoms, tmp_path):
    data = Path(shutil.copytree(phantoms / "train", tmp_path / "data" / "train")).parent
    run = train_tiny("reversed_autoencoder", tmp_path / "run", "--val_fraction", 0.5, "--specificity", 0.5, data=data)
    listed = (run / "models" / "datalist.json").read_bytes()
    again = ("--resume", "--val_fraction", 0.5, "--specificity", 0.5)
    with pytest.raises(SystemExit):
        train_tiny("reversed_autoencoder", run, *again, "--epochs", 1, data=data)
    assert "has done 2 epochs already" in capsys.readouterr().err
    new = sorted((phantoms / "test" / "normal").glob("*.png"))[0]
    shutil.copy(new, data / "train" / "normal" / new.name)
    with pytest.raises(SystemExit):
        train_tiny("reversed_autoencoder", run, *again, "--epochs", 3, data=data)
    assert "has changed since this run was started" in capsys.readouterr().err
    assert (run / "models" / "datalist.json").read_bytes() == listed


def test_validation_every_second_epoch(train_tiny, tmp_path):
    run = train_tiny("reversed_autoencoder", tmp_path / "run", "--epochs", 4, "--val_interval", 2)
    record = read_json(run / "train.json")
    assert [epoch for epoch, _ in record["val_loss"]] == [2, 4]
    assert record["finished"]


def test_what_is_set_reaches_inference_too(train_tiny, tmp_path):
    tiny = "'channels': [4, 8, 8], 'strides': [2, 2, 2]"
    blur = "{'_target_': 'GaussianSmoothd', 'keys': 'image', 'sigma': 1.0}"
    load = "{'_target_': 'imgae_monai.transforms.LoadGrayscaled', 'keys': 'image'}"
    size = "{'_target_': 'imgae_monai.transforms.ResizeKeepAspectd', 'keys': 'image', 'spatial_size': '@image_size', "
    size += "'method': '@aspect'}"
    gone = "'window': None, 'clahe': None, 'lower_percentile': 0.0"
    extra = f"{{{tiny}, 'aspect': 'crop', {gone}, 'loading_transforms': [{load}, {size}, {blur}]}}"
    run = train_tiny("reversed_autoencoder", tmp_path / "run", "--epochs", 1, "--set", extra)
    train, inference = (read_json(run / "configs" / name) for name in ("train.json", "inference.json"))
    own = {"imports", "initialize", "dataset_dir", "output_dir", "device", "run"}
    shared = (train.keys() & inference.keys()) - own
    assert {key: train[key] for key in shared} == {key: inference[key] for key in shared}
    assert inference["aspect"] == "crop"
    assert inference["loading_transforms"][2]["_target_"] == "GaussianSmoothd"


def test_a_missing_path_does_not_stop_the_rest(cli, capsys, runs, phantoms, tmp_path):
    good = sorted((phantoms / "test" / "normal").glob("*.png"))[0]
    with pytest.raises(SystemExit) as e:
        cli("predict", runs["reversed_autoencoder"], tmp_path / "gone.png", good, "--output", tmp_path / "out")
    assert e.value.code == 1
    shown = capsys.readouterr()
    assert "gone.png: no such file" in shown.err
    assert "SYNTHETIC DATA" in shown.out
    (row,) = read_rows(tmp_path / "out" / "predictions.csv")
    assert row["synthetic"] == "1"
    with pytest.raises(SystemExit):
        cli("predict", runs["reversed_autoencoder"], tmp_path / "gone.png", "--output", tmp_path / "out", "--overwrite")
    assert not (tmp_path / "out" / "predictions.csv").exists()


def test_phantoms_stay_phantoms_through_a_datalist(cli, runs, tmp_path):
    listed = runs["reversed_autoencoder"] / "models" / "datalist.json"
    cli("evaluate", runs["reversed_autoencoder"], "--data", listed, "--output", tmp_path, "--n_bootstrap", 20)
    assert read_json(tmp_path / "metrics.json")["synthetic"] is True

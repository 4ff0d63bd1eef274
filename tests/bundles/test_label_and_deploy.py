"""A run as MONAI Label and MONAI Deploy use it says what ``predict`` says.

By their own classes where they are installed (they are not in the test extra: MONAI Deploy needs CUDA libraries), else
by readers that follow them, see :py:mod:`tests.bundles.tools`. What the classes themselves said: docs/deploy.md.
"""

from __future__ import annotations

import base64
import csv
import json
import shutil
import sys
import zipfile

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image

from imgae_monai.data import read_image
from tests.bundles import tools
from tests.conftest import BUNDLES, REPO, SHARED
from tests.export.unzipped import unzipped

# the bundles' own score, which needs the network's features
OWN = ["--combine", "joint_gaussian", "--residual", "features", "--smoothing_sigma", 2.0]


@pytest.fixture(scope="module")
def made(cli, runs, tmp_path_factory):
    """Of each bundle: a run with two calibrations, its folder for the tools, an image, and what predict says of it."""
    root = tmp_path_factory.mktemp("deploy")
    pixels = np.random.default_rng(3).integers(0, 256, (6, 10), dtype=np.uint8)
    Image.fromarray(pixels).resize((50, 30), Image.Resampling.BILINEAR).save(root / "wide.png")
    found = {}
    for bundle in BUNDLES:
        run, target = root / bundle, root / "apps" / bundle
        shutil.copytree(runs[bundle], run)
        cli("calibrate", run, *OWN, "--specificity", 0.9)
        cli("predict", run, root / "wide.png", "--output", root / f"{bundle}_predicted", *OWN)
        cli("deploy", run, "--output", target, *OWN)
        found[bundle] = run, target, root / f"{bundle}_predicted"
    return root / "wide.png", found


def predicted(folder, run):
    """Map and score of predict, and the calibration that it went by."""
    (row,) = csv.DictReader((folder / "predictions.csv").open())
    calibration = torch.load(*run.glob("models/calibration-joint_gaussian*.pt"), weights_only=True)
    anomaly_map = np.asarray(nib.load(folder / row["map_nifti"]).dataobj)[..., 0].T
    return row, anomaly_map, np.asarray(Image.open(folder / row["map_png"])), calibration


def assert_record(record, row, calibration, mask):
    assert record["score"] == pytest.approx(float(row["score"]), rel=1e-12)
    assert record["threshold"] == float(row["threshold"])
    assert record["decision"] == ("abnormal" if row["decision"] == "1" else "normal")
    assert record["pixel_threshold"] == calibration["pixel_threshold"]
    assert record["abnormal_pixels"] == pytest.approx(mask.mean(), rel=1e-6)
    assert record["use"] == "Research only; not for clinical use"


@pytest.mark.parametrize("bundle", BUNDLES)
def test_label_shows_the_mask_of_the_map_that_predict_writes(bundle, made):
    image, found = made
    run, target, folder = found[bundle]
    row, anomaly_map, _, calibration = predicted(folder, run)
    mask, record = tools.label(target, image)
    expected = anomaly_map > calibration["pixel_threshold"]
    assert 0 < expected.sum() < expected.size
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected)
    assert_record(record, row, calibration, expected)
    assert record["label_names"] == {"anomaly": 1}


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("layout", ["rows first", "as a DICOM frame"])
def test_deploy_sends_what_predict_writes(bundle, layout, made):
    image, found = made
    run, target, folder = found[bundle]
    row, anomaly_map, picture, calibration = predicted(folder, run)
    values = read_image(image)
    sent = tools.deploy(target / "models" / "model.ts", values if layout == "rows first" else values.T[..., None])
    expected = anomaly_map > calibration["pixel_threshold"]
    # a frame goes back as one slice, depth first
    shown = {name: sent[name] if layout == "rows first" else sent[name][0] for name in ("pred", "anomaly_map")}
    assert {array.dtype for array in shown.values()} == {np.dtype(np.uint8)}
    np.testing.assert_array_equal(shown["pred"], expected)
    np.testing.assert_array_equal(shown["anomaly_map"], picture)
    assert_record(sent["result"], row, calibration, expected)


def test_the_folder_holds_no_more_than_the_tools_need(made):
    _, found = made
    run, target, _ = found["unet_autoencoder"]
    files = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    configs = {f"configs/{name}" for name in ("inference.json", "metadata.json", "logging.conf")}
    # no list of patients; and MONAI Label would offer any other .pt as weights
    assert files == {*configs, "models/model.pt", "models/model.ts", "LICENSE"}
    assert (target / "models" / "model.pt").read_bytes() == (run / "models" / "model.pt").read_bytes()
    assert json.loads((target / "configs" / "inference.json").read_text())["trained_on_synthetic"] is True


def test_the_folder_names_neither_a_validation_image_nor_a_place(made, phantoms):
    _, found = made
    run, target, _ = found["unet_autoencoder"]
    items = json.loads((run / "models" / "datalist.json").read_text())["validation"]
    hashes = {item["sha256"].encode() for item in items}
    assert len(hashes) == 24
    (calibration,) = run.glob("models/calibration-joint_gaussian*.pt")
    assert all(sha256 in calibration.read_bytes() for sha256 in hashes)  # so that the search below can find them
    config = (target / "configs" / "inference.json").read_bytes()
    with zipfile.ZipFile(target / "models" / "model.ts") as archive:
        parts = [archive.read(name) for name in archive.namelist()]
    texts = [json.loads(part)["calibration"]["text"] for part in [config, *parts] if b"EmbeddedCalibration" in part]
    assert len(texts) == 2
    places = {str(place).encode() for place in (run, target.parent, phantoms)}
    for content in [config, *parts, *map(base64.b64decode, texts)]:
        assert [word for word in hashes | places if word in content] == []


def test_the_script_does_not_tell_where_it_was_made(made):
    _, found = made
    run, target, _ = found["unet_autoencoder"]
    places = [str(place).encode() for place in (REPO, sys.prefix, run, target)]
    parts = unzipped((target / "models" / "model.ts").read_bytes())
    assert len(parts) > 5
    assert [(name, place) for name, content in parts.items() for place in places if place in content] == []


def test_metadata_tell_what_comes_out(made):
    jsonschema = pytest.importorskip("jsonschema")
    schema = SHARED / "data" / "monai" / "meta_schema_20240725.json"
    _, found = made
    metadata = json.loads((found["unet_autoencoder"][1] / "configs" / "metadata.json").read_text())
    formats = metadata["network_data_format"]
    assert formats["inputs"]["image"]["spatial_shape"] == [32, 32]
    assert [*formats["outputs"]] == ["pred", "anomaly_map", "result"]
    if not schema.is_file():
        pytest.skip(f"{schema} is absent")
    jsonschema.validate(metadata, json.loads(schema.read_text()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda run, target: (target / "models").mkdir(),
            "already holds models: give another --output, or --overwrite",
        ),
        (lambda run, target: shutil.copyfile(run / "train.json", target / "train.json"), "holds a run: give another"),
        (lambda run, target: run / "deployed", "lie in one another: give a folder apart"),
    ],
)
def test_refuses_a_folder_that_is_in_use(make, message, runs, cli, capsys, tmp_path):
    run, target = runs["unet_autoencoder"], tmp_path / "target"
    target.mkdir()
    target = inside if "deployed" in str(inside := make(run, target)) else target
    with pytest.raises(SystemExit, match="2"):
        cli("deploy", run, "--output", target)
    assert message in capsys.readouterr().err


def test_replaces_what_it_made_and_nothing_else(made, cli, capsys, tmp_path):
    _, found = made
    run, deployed, _ = found["unet_autoencoder"]
    other, again = tmp_path / "other", tmp_path / "again"
    (other / "models").mkdir(parents=True)
    (other / "models" / "mine.pt").touch()
    with pytest.raises(SystemExit, match="2"):
        cli("deploy", run, "--output", other, "--overwrite", *OWN)
    assert "holds models, which imgae-monai deploy did not make: give another --output" in capsys.readouterr().err
    assert (other / "models" / "mine.pt").exists()
    shutil.copytree(deployed, again)
    (again / "models" / "model.ts").write_bytes(b"")
    cli("deploy", run, "--output", again, "--overwrite", *OWN)
    assert (again / "models" / "model.ts").stat().st_size > 1000


def test_what_is_there_stays_where_the_new_one_fails(made, cli, monkeypatch, tmp_path):
    def fail(folder):
        raise RuntimeError("no script of it")

    _, found = made
    run, deployed, _ = found["unet_autoencoder"]
    again = shutil.copytree(deployed, tmp_path / "again")
    monkeypatch.setattr("imgae_monai.cli.deploy._export", fail)
    with pytest.raises(RuntimeError, match="no script of it"):
        cli("deploy", run, "--output", again, "--overwrite", *OWN)
    assert [path.name for path in tmp_path.iterdir()] == ["again"]
    for path in (path for path in deployed.rglob("*") if path.is_file()):
        assert (again / path.relative_to(deployed)).read_bytes() == path.read_bytes()


def test_what_is_there_comes_back_where_the_new_one_can_not_be_moved(made, cli, monkeypatch, tmp_path):
    _, found = made
    run, deployed, _ = found["unet_autoencoder"]
    again, move = shutil.copytree(deployed, tmp_path / "again"), shutil.move

    def refuse(source, place):
        if source.parent.name == "new" and source.name == "models":
            raise OSError("full")
        return move(source, place)

    monkeypatch.setattr("imgae_monai.cli.deploy._export", lambda folder: folder / "models" / "model.ts")
    monkeypatch.setattr("imgae_monai.cli.deploy.shutil.move", refuse)
    with pytest.raises(OSError, match="full"):
        cli("deploy", run, "--output", again, "--overwrite", *OWN)
    assert (again / "models" / "model.ts").read_bytes() == (deployed / "models" / "model.ts").read_bytes()
    assert (again / "configs" / "inference.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["again"]


@pytest.mark.parametrize(
    "score", [["--residual", "lpips"], ["--residual", "reversed_lpips"], ["--combine", "latent,lpips-mean"]]
)
def test_lpips_is_refused_as_its_weights_would_stay_behind(score, runs, cli, capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        cli("deploy", runs["unet_autoencoder"], "--output", tmp_path / "target", *score)
    said = " ".join(capsys.readouterr().err.split())
    assert "carry no third file: choose another --residual (or --combine), or imgae-monai export" in said
    assert not (tmp_path / "target").exists()


def test_a_run_of_an_earlier_version_is_refused(runs, cli, capsys, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs["unet_autoencoder"], run)
    path = run / "configs" / "inference.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "ensemble"}))
    with pytest.raises(SystemExit, match="2"):
        cli("deploy", run, "--output", tmp_path / "target")
    assert "was trained by a version whose configs have no ensemble: train it again" in capsys.readouterr().err


def test_a_score_without_a_calibration_is_refused_before_anything_is_written(runs, cli, capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        cli("deploy", runs["unet_autoencoder"], "--output", tmp_path / "target", "--residual", "l2")
    assert "no calibration for the score 'l2-mean'" in capsys.readouterr().err
    assert not (tmp_path / "target").exists()


def test_an_ensemble_is_for_label_alone(train_tiny, cli, capsys, tmp_path):
    run = train_tiny("unet_autoencoder", tmp_path / "run", "--ensemble", 2)
    cli("deploy", run, "--output", tmp_path / "target")
    assert "MONAI Deploy: none, as a TorchScript file does not hold the members" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "target" / "models").iterdir()}
    assert names == {"model.pt", *(path.name for path in run.glob("models/member_epoch=*.pt"))}
    assert len(names) == 3

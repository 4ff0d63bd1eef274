from __future__ import annotations

import csv
import json
import logging
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from imgae_monai.bundle import pack_bundle
from imgae_monai.exceptions import InputError
from tests.conftest import BUNDLES

PARTS = [
    *("LICENSE", "checksums.txt"),
    *(f"configs/{name}" for name in ("evaluate.json", "inference.json", "logging.conf", "metadata.json", "train.json")),
    *("configs/multi_gpu_evaluate.json", "configs/multi_gpu_train.json"),
    *("docs/README.md", "docs/data_license.txt", "docs/training.json"),
]


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("bundle", BUNDLES)
def test_holds_what_is_needed_and_no_word_of_the_data(bundle, default_score_runs, phantoms, tmp_path):
    run = default_score_runs[bundle]
    listed = pack_bundle(run, tmp_path / "chest_v0.2.0.zip")
    found = contents(tmp_path / "chest_v0.2.0.zip")
    assert list(found) == listed == sorted(listed)
    calibrations = [path.name for path in (run / "models").glob("calibration-*.pt")]
    models = ["model.pt", *calibrations]
    assert sorted(listed) == sorted(f"chest/{part}" for part in [*PARTS, *(f"models/{name}" for name in models)])
    datalist = json.loads((run / "models" / "datalist.json").read_text())
    items = [item for section in ("training", "validation") for item in datalist[section]]
    private = {str(phantoms), str(run), str(Path.home())}
    private |= {item["patient_id"] for item in items} | {Path(item["image"]).stem for item in items}
    private |= {item["sha256"] for item in datalist["training"]}
    assert len(private) > 48
    for name, content in found.items():
        assert [word for word in private if word.encode() in content] == [], name
    assert (b"synthetic://" in found["chest/configs/train.json"]) is False
    told = json.loads(found["chest/docs/training.json"])
    assert told["synthetic"] is True
    assert told["data_counts"]["train"] == {"normal": 24, "abnormal": 0}


def test_the_same_run_makes_the_same_bytes_and_checksums_hold(default_score_runs, tmp_path):
    run = default_score_runs["unet_autoencoder"]
    (tmp_path / "one").mkdir()
    pack_bundle(run, tmp_path / "one" / "chest.zip")
    shutil.copytree(run, tmp_path / "elsewhere" / "copied", copy_function=shutil.copyfile)
    (tmp_path / "elsewhere" / "copied" / "models" / "model_final.pt").unlink()
    (tmp_path / "two").mkdir()
    pack_bundle(tmp_path / "elsewhere" / "copied", tmp_path / "two" / "chest.zip")
    assert (tmp_path / "one" / "chest.zip").read_bytes() == (tmp_path / "two" / "chest.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one" / "chest.zip") as archive:
        archive.extractall(tmp_path)
    check = ["sha256sum", "--strict", "-c", "checksums.txt"]
    said = subprocess.run(check, cwd=tmp_path / "chest", capture_output=True, text=True, check=True)
    assert said.stdout.count(": OK") == len(PARTS) - 1 + 2


def test_predicts_the_same_and_says_that_it_can_not_tell_what_it_saw(
    default_score_runs, phantoms, cli, caplog, capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr("imgae_monai.handlers.EvaluationWriter._draw", lambda self: None)
    run, images = default_score_runs["reversed_autoencoder"], phantoms / "test" / "normal"
    cli("pack", run, tmp_path / "chest.zip")
    assert f"{len(PARTS) + 2} files of the bundle chest, " in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "chest.zip") as archive:
        archive.extractall(tmp_path)
    rows = []
    for name, folder in (("own", run), ("packed", tmp_path / "chest")):
        cli("predict", folder, images, "--output", tmp_path / name)
        with open(tmp_path / name / "predictions.csv", newline="") as f:
            rows.append(list(csv.DictReader(f)))
    assert rows[0] == rows[1]
    assert len(rows[0]) == 12

    with pytest.raises(SystemExit):
        cli("evaluate", tmp_path / "chest", "--output", tmp_path / "evaluated")
    assert f"data {tmp_path / 'chest' / 'data'} does not exist" in capsys.readouterr().err
    with caplog.at_level(logging.WARNING, logger="imgae_monai"):
        flags = ("--n_bootstrap", 20, "--no_model", "false")
        cli("evaluate", tmp_path / "chest", "--data", phantoms, "--output", tmp_path / "evaluated", *flags)
    said = capsys.readouterr().err + caplog.text
    assert "datalist.json is missing: whether these images were trained on can't be told" in said
    assert (tmp_path / "evaluated" / "metrics.json").is_file()


@pytest.mark.parametrize(
    ("name", "id", "value"),
    [
        ("train.json", "cache", "/home/someone/cache"),
        ("train.json", "validate#note", "see ~/studies/list.csv"),
        ("train.json", "noted", ["plain", {"deep": "sqlite:///mlflow.db"}]),
        ("inference.json", "preset", "C:\\studies\\one"),
        ("inference.json", "inferer", "$load('/srv/hospital/weights.pt')"),
        ("evaluate.json", "config", "%/srv/hospital/config.json::key"),
        ("train.json", "views", "../St_Mary/patients.csv"),
        ("train.json", "views", "data/St_Mary/list.csv"),
        ("train.json", "views", "St_Mary\\list.csv"),
        ("train.json", "views", "~jane"),
        ("train.json", "views", "~jane/data"),
        ("train.json", "views", "file:/home/jane/x"),
        ("train.json", "views", "HTTP://hospital.org"),
        ("train.json", "views", "S3://hospital"),
        ("train.json", "views", "$@x + '/srv/hospital/jane/weights.pt'"),
        ("train.json", "views", "$str('') + '/home/jane/w.pt'"),
        ("train.json", "views", "$@bundle_root + '/../St_Mary'"),
        ("train.json", "views", "$@bundle_root + '/data' + '/home/jane'"),
        ("train.json", "views", "$'home / jane'"),
        ("train.json", "views", "$1 #/home/jane"),
        ("train.json", "views", {"/home/jane": 1}),
        ("train.json", "validate#note", {"plain": [{"data/St_Mary": None}]}),
    ],
)
def test_a_path_in_a_config_is_refused_by_its_id(name, id, value, default_score_runs, tmp_path):
    run = shutil.copytree(default_score_runs["unet_autoencoder"], tmp_path / "run")
    config = json.loads((run / "configs" / name).read_text())
    section, _, key = id.rpartition("#")
    (config[section] if section else config)[key] = value
    (run / "configs" / name).write_text(json.dumps(config))
    with pytest.raises(InputError, match=rf"configs/{name} names a path or an address in {id}(#\w+)*: "):
        pack_bundle(run, tmp_path / "chest.zip")
    assert not (tmp_path / "chest.zip").exists()


def test_divisions_and_what_lies_below_the_run_are_packed(default_score_runs, tmp_path):
    run = shutil.copytree(default_score_runs["unet_autoencoder"], tmp_path / "run")
    config = json.loads((run / "configs" / "train.json").read_text())
    own = {"a": "$(1 + @dropout) / 7", "b": "$[@ckpt_dir + '/old.pt', @output_dir+\"/logs\"]", "c": ["n/a", "a ~ b"]}
    (run / "configs" / "train.json").write_text(json.dumps({**config, **own}))
    pack_bundle(run, tmp_path / "chest.zip")
    packed = json.loads(contents(tmp_path / "chest.zip")["chest/configs/train.json"])
    assert {key: packed[key] for key in own} == own


def test_ids_of_the_place_are_set_back(default_score_runs, tmp_path, caplog):
    run = shutil.copytree(default_score_runs["unet_autoencoder"], tmp_path / "run")
    own = {"dataset_dir": ["/srv/a", "hf://a/b"], "cache_dir": "/srv/cache", "mlflow_uri": "sqlite:////srv/m.db"}
    own |= {"lpips_weights": "/srv/lpips.pt", "patient_pattern": "Smith", "wandb_project": "hospital"}
    own |= {"device": "$imgae_monai.engines.choose_device('cpu')", "bundle_root": "/srv/run"}
    for name in ("train.json", "inference.json"):
        path = run / "configs" / name
        config = json.loads(path.read_text())
        path.write_text(json.dumps({**config, **{key: value for key, value in own.items() if key in config}}))
    pack_bundle(run, tmp_path / "chest.zip")
    found = contents(tmp_path / "chest.zip")
    train, inference = (json.loads(found[f"chest/configs/{name}.json"]) for name in ("train", "inference"))
    assert train["dataset_dir"] == inference["dataset_dir"] == "$@bundle_root + '/data'"
    assert [train[key] for key in ("cache_dir", "mlflow_uri", "patient_pattern", "wandb_project")] == [None] * 4
    assert (train["bundle_root"], inference["lpips_weights"]) == (".", None)
    assert train["device"] == inference["device"] == "$imgae_monai.engines.choose_device('auto')"
    assert "lpips_weights is not packed" in caplog.text
    assert not [name for name, content in found.items() if b"srv" in content or b"hospital" in content]


@pytest.mark.parametrize("name", ["chest", "chest.tar", "1chest.zip", "chest unet.zip", "a_v1_b.zip", "_v1.zip"])
def test_a_name_that_is_no_bundles_is_refused(name, default_score_runs, tmp_path):
    with pytest.raises(InputError, match=r"should be NAME\.zip or NAME_v0\.1\.0\.zip"):
        pack_bundle(default_score_runs["unet_autoencoder"], tmp_path / name)


def test_what_can_not_be_packed_is_refused(default_score_runs, tmp_path, caplog):
    run = shutil.copytree(default_score_runs["unet_autoencoder"], tmp_path / "run")
    (calibration,) = (run / "models").glob("calibration-*.pt")
    (run / "models" / "calibration-old.pt").write_bytes(b"of other weights")
    target = tmp_path / "chest.zip"
    assert len(pack_bundle(run, target)) == len(PARTS) + 2
    assert "calibration-old.pt is of other weights, or damaged: left out" in caplog.text
    with pytest.raises(InputError, match=r"chest\.zip exists: give another name, or --overwrite"):
        pack_bundle(run, target)
    calibration.unlink()
    before = target.read_bytes()
    with pytest.raises(InputError, match="no calibration for the score"):
        pack_bundle(run, target, overwrite=True)
    assert target.read_bytes() == before
    with pytest.raises(InputError, match="is not a run"):
        pack_bundle(tmp_path, target, overwrite=True)

"""Runs that another version of the package made."""

from __future__ import annotations

import json
import re
import shutil

import pytest

BUNDLE = "unet_autoencoder"


def rewrite(path, id: str, key: str, value) -> None:
    config = json.loads(path.read_text())
    section = config
    for part in id.split("#"):
        section = section[int(part)] if isinstance(section, list) else section[part]
    section[key] = value
    path.write_text(json.dumps(config))


def test_runs_from_before_amp_had_a_dtype_are_scored_as_ever(cli, runs, phantoms, tmp_path):
    old = tmp_path / "run"
    shutil.copytree(runs[BUNDLE], old)
    for name, id in (("train.json", "validate#evaluator"), ("inference.json", "evaluator")):
        rewrite(old / "configs" / name, id, "amp", "$imgae_monai.engines.check_amp(False, @device)")
    for name, run in (("old", old), ("new", runs[BUNDLE])):
        cli("evaluate", run, "--output", tmp_path / name, "--n_bootstrap", 10)
        cli("predict", run, phantoms / "test" / "normal", "--output", tmp_path / f"{name}_predicted")
    for table in ("{}/scores.csv", "{}_predicted/predictions.csv"):
        old_one, new_one = ((tmp_path / table.format(name)).read_text() for name in ("old", "new"))
        assert old_one.replace("old_predicted", "new_predicted") == new_one


def test_a_run_from_before_explanations_says_so(cli, runs, phantoms, tmp_path, capsys):
    old = tmp_path / "run"
    shutil.copytree(runs[BUNDLE], old)
    path = old / "configs" / "inference.json"
    config = {k: v for k, v in json.loads(path.read_text()).items() if not k.startswith("explain")}
    path.write_text(json.dumps(config))
    with pytest.raises(SystemExit):
        cli("predict", old, phantoms / "test" / "normal", "--output", tmp_path / "out", "--explain", "occlusion")
    assert "trained by a version that explains no scores: predict without --explain" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value", "gone"),
    [
        ("amp", "$imgae_monai.engines.no_longer(False)", r"imgae_monai\.engines\.no_longer"),
        ("inferer", {"_target_": "imgae_monai.inferers.NoLonger"}, r"imgae_monai\.inferers\.NoLonger"),
    ],
)
def test_what_this_version_does_not_have_is_said_in_a_line(key, value, gone, cli, runs, tmp_path, capsys):
    old = tmp_path / "run"
    shutil.copytree(runs[BUNDLE], old)
    rewrite(old / "configs" / "train.json", "validate#evaluator", key, value)
    with pytest.raises(SystemExit) as e:
        cli("evaluate", old, "--output", tmp_path / "evaluated")
    assert e.value.code == 2
    line = rf"^error: this version of imgae_monai has no {gone}, which .*train\.json.* asks for"
    assert re.search(line, capsys.readouterr().err, re.MULTILINE)

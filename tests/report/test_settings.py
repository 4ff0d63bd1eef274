from __future__ import annotations

import dataclasses
import shlex

from imgae_monai.report.settings import commands, run_folder, settings_table
from tests.report.sample import sample_evaluation


def test_settings_of_evaluation_and_training():
    rows = dict(settings_table(sample_evaluation()).rows)
    assert rows["data fingerprint"] == "f1d0"
    assert rows["threshold"] == "0.5"
    assert rows["score"] == "residual l1, z_score False"
    assert rows["versions"] == "torch 2.13.0"
    assert rows["commit"] == "abc123 and changes"
    assert rows["training: best epoch"] == "2"
    assert settings_table(dataclasses.replace(sample_evaluation(), metrics=None)) is None


def test_a_federated_run_has_no_best_epoch():
    evaluation = sample_evaluation()
    federated = {"best_epoch": None, "best_val_loss": None, "federated": {"rounds": 3, "local_epochs": 2}}
    rows = dict(settings_table(dataclasses.replace(evaluation, record={**evaluation.record, **federated})).rows)
    assert rows["training: federated"] == "rounds 3, local_epochs 2"
    assert rows["training: epochs"] == "2"
    assert not {"training: best epoch", "training: best validation loss"} & rows.keys()


def test_the_run_is_where_its_weights_are(tmp_path):
    evaluation = sample_evaluation()
    assert run_folder(evaluation) is None
    assert commands(evaluation) == []
    run = tmp_path / "my run"
    (run / "models").mkdir(parents=True)
    (run / "models" / "model.pt").touch()
    elsewhere = dataclasses.replace(evaluation, metrics={"config": {"bundle_root": str(run)}})
    assert run_folder(elsewhere) == run
    assert run_folder(dataclasses.replace(evaluation, folder=run)) == run
    assert shlex.split(commands(elsewhere)[0])[:3] == ["imgae-monai", "reproduce", str(run)]

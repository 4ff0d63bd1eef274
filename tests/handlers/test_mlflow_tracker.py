from __future__ import annotations

import json
from pathlib import Path

import pytest

from imgae_monai.exceptions import InputError
from imgae_monai.handlers import check_trackers, mlflow_address
from tests.conftest import BUNDLES


@pytest.mark.parametrize("uri", ["http://localhost:5000", "https://a.b", "sqlite:////a/b.db", "postgresql://a/b"])
def test_addresses_stay_as_they_are(uri):
    assert mlflow_address(uri) == uri


def test_a_path_becomes_a_database(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mlflow_address("runs") == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert mlflow_address("runs.db") == f"sqlite:///{tmp_path}/runs.db"


def test_folders_are_refused():
    with pytest.raises(InputError, match=r"mlflow_uri 'file:///runs': MLflow no longer keeps runs in folders"):
        mlflow_address("file:///runs")


@pytest.mark.parametrize(("package", "asked"), [("mlflow", ("a.db", None)), ("wandb", (None, "p"))])
def test_a_package_that_is_not_installed_is_named_with_its_extra(package, asked, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=rf"{package} is not installed: pip install 'imgae_monai\[{package}\]'"):
        check_trackers(*asked)
    check_trackers(None, None)


def test_a_run_is_tracked_and_goes_on_where_it_was_resumed(train_tiny, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    tracked = ("--mlflow_uri", tmp_path / "mlflow", "--tensorboard", "false")
    run = train_tiny(BUNDLES[1], tmp_path / "run", *tracked)
    train_tiny(BUNDLES[1], tmp_path / "run", *tracked, "--epochs", 3, "--resume")
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow/mlflow.db")
    experiment = client.get_experiment_by_name("imgae_monai")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED"
    assert found.info.run_name == str(run)
    assert found.data.params["image_size"] == "32"
    record = json.loads((run / "train.json").read_text())
    assert found.data.params["learning_rate"] == str(record["config"]["learning_rate"])
    for name in ("train_loss", "val_loss"):
        logged = client.get_metric_history(found.info.run_id, name)
        assert [[m.step, m.value] for m in logged] == record[name]
        assert [m.step for m in logged] == [1, 2, 3]
    assert found.data.metrics["threshold"] == record["calibration"]["threshold"]
    names = {Path(file.path).name for file in client.list_artifacts(found.info.run_id)}
    assert names == {"model.pt", "calibration-l1-mean.pt", "train.json", "losses.png"}

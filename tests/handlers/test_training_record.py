from __future__ import annotations

import hashlib
import json
import operator
from pathlib import Path

import pytest
import torch
from ignite.engine import Events
from monai.data import DataLoader
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import CheckpointLoader, CheckpointSaver, IgniteMetricHandler, ValidationHandler, from_engine
from torch import nn

from imgae_monai.data import read_datalist_file
from imgae_monai.data.datalist import SYNTHETIC_NOTICE, Datalist
from imgae_monai.engines import environment, prepare_reconstruction
from imgae_monai.engines.run_lock import LOCK_NAME
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import TrainingRecord
from imgae_monai.transforms import Calibration, ScoreDefinition

# the network gives one constant everywhere, so that the L1 loss of an image is its distance from it
TRAIN = (0.0, 0.25, 0.5, 0.75, 1.0)  # batches of 2, 2 and 1
VAL = (0.25, 0.5, 0.75)
CONFIG = {"bundle_name": "tiny", "epochs": 4, "run": ["$print(@bundle_name, @epochs)"]}
CONSTANTS = (1.0, 0.5, 0.0, 0.25)
TRAIN_LOSS = [[1, 0.5], [2, 0.3], [3, 0.5], [4, 0.35]]  # the batches' mean would be 0.417, 0.333, 0.583, 0.417
VAL_LOSS = [[1, 0.5], [2, 0.5 / 3], [3, 0.5], [4, 0.25]]


def datalist_of(folder: Path, synthetic: bool = False) -> Datalist:
    splits = {"train": [(p, 0) for p in "abcde"], "val": [(p, 0) for p in "fgh"], "test": [("i", 0), ("j", 1)]}
    items = [
        {"image": str(folder / f"{p}.png"), "label": label, "patient_id": p, "split": split, "sha256": f"hash of {p}"}
        for split, images in splits.items()
        for p, label in images
    ]
    return Datalist(items=items, source="somewhere", synthetic=synthetic)


def loader(values: tuple[float, ...]) -> DataLoader:
    return DataLoader([{"image": torch.full((1, 8, 8), value)} for value in values], batch_size=2)


class Run:
    """A training as the bundles wire it."""

    def __init__(
        self, folder: Path, constants=CONSTANTS, interval: int = 1, synthetic: bool = False, **settings_of_record
    ) -> None:
        self.models, self.path = folder / "models", folder / "eval" / "train.json"
        self.network = nn.Conv2d(1, 1, 1)
        nn.init.zeros_(self.network.weight)
        val_loss = IgniteMetricHandler(loss_fn=nn.L1Loss(), output_transform=from_engine(["pred", "image"]))
        self.validator = SupervisedEvaluator(
            device="cpu",
            val_data_loader=loader(VAL),
            network=self.network,
            key_val_metric={"val_loss": val_loss},
            metric_cmp_fn=operator.lt,
        )
        settings = {"bundle": "tiny", "seed": 3}
        datalist = datalist_of(folder, synthetic)
        train_loader = loader(TRAIN)
        folders = (folder / "eval", self.models)
        asked = {"config": CONFIG, **settings_of_record}
        self.record = TrainingRecord(*folders, datalist, self.validator, train_loader, settings, **asked)
        self.trainer = SupervisedTrainer(
            device="cpu",
            max_epochs=len(constants),
            train_data_loader=train_loader,
            network=self.network,
            optimizer=torch.optim.SGD(self.network.parameters(), lr=0.0),
            loss_function=nn.L1Loss(),
            prepare_batch=prepare_reconstruction,
            train_handlers=[ValidationHandler(interval, self.validator), self.record],
            decollate=False,
        )
        self.trainer.add_event_handler(
            Events.EPOCH_STARTED,
            lambda engine: nn.init.constant_(self.network.bias, constants[engine.state.epoch - 1]),
        )
        self.state = {"network": self.network, "trainer": self.trainer, "record": self.record}

    def written(self) -> dict:
        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is not JSON")

        return json.loads(self.path.read_text(encoding="utf-8"), parse_constant=refuse)

    def history(self) -> list[dict]:
        """Train, and read what is written after each epoch."""
        seen = []
        self.trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: seen.append(self.written()))
        self.trainer.run()
        return seen


CALIBRATION = Calibration(
    threshold=0.25,
    specificity=0.9,
    mean=torch.zeros(1, 8, 8),
    std=torch.ones(1, 8, 8),
    map_limit=0.5,
    n_images=3,
    score=ScoreDefinition("l2", reduction="max"),
    checkpoint_sha256="hash of the weights",
    data_fingerprint="fingerprint",
)


def assert_losses(written: list, expected: list) -> None:
    assert [epoch for epoch, _ in written] == [epoch for epoch, _ in expected]
    assert [loss for _, loss in written] == pytest.approx([loss for _, loss in expected], rel=1e-6)


@pytest.fixture(scope="module")
def run_and_history(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("run"))
    return run, run.history()


def test_losses_are_means_over_images(run_and_history):
    run, _ = run_and_history
    assert_losses(run.written()["train_loss"], TRAIN_LOSS)
    assert_losses(run.written()["val_loss"], VAL_LOSS)


def test_is_written_anew_after_every_epoch(run_and_history):
    _, history = run_and_history
    assert [record["epochs_run"] for record in history] == [1, 2, 3, 4]
    for record in history:
        assert_losses(record["train_loss"], TRAIN_LOSS[: record["epochs_run"]])
        assert_losses(record["val_loss"], VAL_LOSS[: record["epochs_run"]])
    seconds = [record["seconds"] for record in history]
    assert 0 < seconds[0] <= seconds[1] <= seconds[2] <= seconds[3] < 60


def test_the_best_epoch_has_the_lowest_validation_loss(run_and_history):
    _, history = run_and_history
    assert [record["best_epoch"] for record in history] == [1, 2, 2, 2]
    assert [record["best_val_loss"] for record in history] == pytest.approx([0.5, 0.5 / 3, 0.5 / 3, 0.5 / 3])


def test_holds_what_the_run_was_made_of(run_and_history):
    run, _ = run_and_history
    record = run.written()
    assert (record["bundle"], record["seed"], record["data"]) == ("tiny", 3, "somewhere")
    assert record["data_counts"] == {
        "train": {"normal": 5, "abnormal": 0},
        "val": {"normal": 3, "abnormal": 0},
        "test": {"normal": 1, "abnormal": 1},
    }
    assert record["data_fingerprint"] == run.record.datalist.fingerprint
    assert record["config"] == CONFIG
    assert {key: record[key] for key in environment()} == environment()


def test_the_data_list_can_be_read_back(run_and_history):
    run, _ = run_and_history
    path = run.models / "datalist.json"
    assert read_datalist_file(path) == run.record.datalist.items
    assert json.loads(path.read_text())["source"] == "somewhere"


def test_is_finished_when_it_is_said_to_be(tmp_path):
    run = Run(tmp_path, constants=(0.5, 0.0))
    for record in run.history():
        assert (record["finished"], record["checkpoint_sha256"], record["calibration"]) == (False, None, None)
    assert run.written()["finished"] is False
    (run.models / "model.pt").write_bytes(b"the weights")
    run.record.finish(CALIBRATION)
    record = run.written()
    assert record["finished"] is True
    assert record["checkpoint_sha256"] == hashlib.sha256(b"the weights").hexdigest()
    assert record["calibration"] == {
        "threshold": 0.25,
        "specificity": 0.9,
        "map_limit": 0.5,
        "n_images": 3,
        "score": {
            "residual": "l2",
            "smoothing_sigma": 0.0,
            "z_score": False,
            "reduction": "max",
            "top_fraction": 0.01,
            "residual_clahe": False,
            "two_sided": False,
            "combine": [],
        },
        "checkpoint_sha256": "hash of the weights",
        "data_fingerprint": "fingerprint",
        "pixel_threshold": None,
        "members_sha256": None,
    }
    assert_losses(record["train_loss"], [[1, 0.3], [2, 0.5]])
    assert {path.name for path in run.path.parent.iterdir()} == {"losses.png", "train.json", LOCK_NAME}


@pytest.mark.parametrize(("interval", "best"), [(1, 2), (9, None)])
def test_the_epoch_that_was_kept_is_marked_in_the_picture(interval, best, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr("imgae_monai.visualize.plot_losses", lambda *args, **kwargs: drawn.update(kwargs))
    run = Run(tmp_path, interval=interval)
    run.trainer.run()
    run.record.finish(CALIBRATION)
    assert drawn == {"best_epoch": best}


def test_of_a_federation_no_epoch_is_the_best(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr("imgae_monai.visualize.plot_losses", lambda *args, **kwargs: drawn.update(kwargs))
    run = Run(tmp_path)
    run.trainer.run()
    assert run.written()["best_epoch"] == 2
    assert "federated" not in run.written()
    run.record.finish(CALIBRATION, federated={"rounds": 2})
    assert drawn == {"best_epoch": None}
    record = run.written()
    assert (record["best_epoch"], record["best_val_loss"], record["federated"]) == (None, None, {"rounds": 2})


@pytest.mark.parametrize("synthetic", [True, False])
def test_says_so_where_the_data_are_synthetic(synthetic, tmp_path):
    run = Run(tmp_path, constants=(0.5,), synthetic=synthetic)
    (record,) = run.history()
    assert record["synthetic"] is synthetic
    assert record.get("notice") == (SYNTHETIC_NOTICE if synthetic else None)


def test_validation_every_second_epoch_is_recorded_at_its_epoch(tmp_path):
    run = Run(tmp_path, constants=(0.5, 1.0, 0.5, 0.25, 0.5), interval=2)
    history = run.history()
    assert_losses(history[-1]["val_loss"], [[2, 0.5], [4, 0.25]])
    assert [record["best_epoch"] for record in history] == [None, 2, 2, 4, 4]
    assert [record["best_val_loss"] for record in history] == [None, 0.5, 0.5, 0.25, 0.25]
    assert len(history[-1]["train_loss"]) == 5


def test_the_last_epoch_of_a_stopped_run_is_recorded(tmp_path):
    run = Run(tmp_path)
    run.trainer.add_event_handler(Events.EPOCH_COMPLETED(once=2), lambda engine: engine.terminate())
    run.trainer.run()
    assert_losses(run.written()["train_loss"], TRAIN_LOSS[:2])
    assert_losses(run.written()["val_loss"], VAL_LOSS[:2])
    assert run.written()["finished"] is False


def test_state_survives_a_checkpoint(run_and_history, tmp_path):
    run, _ = run_and_history
    torch.save(run.record.state_dict(), tmp_path / "state.pt")
    other = Run(tmp_path)
    other.record.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert other.record.state_dict() == run.record.state_dict()
    assert other.record.state_dict()["seconds"] > 0
    assert other.validator.state.best_metric == pytest.approx(0.5 / 3)
    assert other.validator.state.best_metric_epoch == 2


@pytest.mark.parametrize("interval", [1, 2])
def test_a_resumed_run_has_one_history_and_keeps_its_best(interval, tmp_path):
    first = Run(tmp_path, CONSTANTS[:2], interval)
    CheckpointSaver(str(first.models), first.state, save_interval=1).attach(first.trainer)
    first.trainer.run()
    seconds = first.written()["seconds"]
    second = Run(tmp_path, CONSTANTS, interval)
    CheckpointLoader(str(first.models / "checkpoint_epoch=2.pt"), second.state).attach(second.trainer)
    history = second.history()
    assert [record["epochs_run"] for record in history] == [3, 4]
    assert_losses(history[-1]["train_loss"], TRAIN_LOSS)
    assert_losses(history[-1]["val_loss"], VAL_LOSS[interval - 1 :: interval])
    assert history[0]["seconds"] > seconds
    assert [record["best_epoch"] for record in history] == [2, 2]
    assert [record["best_val_loss"] for record in history] == pytest.approx([0.5 / 3] * 2)


def test_what_earlier_sessions_computed_with_is_kept(tmp_path):
    epochs, seen = (0.5,) * 3, []
    for n_epochs in (1, 2, 3):
        run = Run(tmp_path, epochs[:n_epochs])
        if n_epochs > 1:
            before = run.written()
            run.path.write_text(json.dumps({**before, "n_threads": 10 + n_epochs}))
            CheckpointLoader(str(run.models / f"checkpoint_epoch={n_epochs - 1}.pt"), run.state).attach(run.trainer)
        CheckpointSaver(str(run.models), run.state, save_interval=1).attach(run.trainer)
        run.trainer.run()
        seen.append(run.written())
    assert [record["earlier_sessions"] for record in seen[:2]] == [
        [],
        [{"to_epoch": 1, **environment(), "n_threads": 12}],
    ]
    assert [(s["to_epoch"], s["n_threads"]) for s in seen[2]["earlier_sessions"]] == [(1, 12), (2, 13)]
    assert seen[2]["n_threads"] == torch.get_num_threads()


def test_a_run_resumed_before_its_first_validation_has_no_best_yet(tmp_path):
    first = Run(tmp_path, (0.5,), interval=2)
    first.trainer.run()
    second = Run(tmp_path / "second", (0.5,) * 2, interval=2)
    second.record.load_state_dict(first.record.state_dict())
    second.trainer.run()
    assert second.written()["best_epoch"] == 2
    assert second.written()["best_val_loss"] == pytest.approx(0.5 / 3)


def test_other_data_cannot_be_resumed_on(tmp_path):
    run = Run(tmp_path, constants=(0.5,))
    state = {**run.record.state_dict(), "data_fingerprint": "of other data"}
    with pytest.raises(InputError, match="has changed since this run was started"):
        run.record.load_state_dict(state)


@pytest.mark.parametrize("change", [{"batch_size": 4}, {"images_per_epoch": 3}])
def test_an_epoch_of_another_shape_cannot_be_resumed_on(tmp_path, change):
    run = Run(tmp_path)
    state = run.record.state_dict()
    assert state["epoch_shape"] == {"batch_size": 2, "images_per_epoch": 5}
    state["epoch_shape"] |= change
    with pytest.raises(
        InputError, match=r"this run was started with .*, now it would go on with \{'batch_size': 2, 'im"
    ):
        run.record.load_state_dict(state)


def test_a_trainer_run_without_the_bundles_run_replaces_no_other_run(tmp_path):
    """As MONAI's MonaiAlgo does, which knows nothing of the guards in ``run``."""
    Run(tmp_path, constants=(0.5,)).trainer.run()
    before = (tmp_path / "eval" / "train.json").read_bytes()
    with pytest.raises(InputError, match=r"already holds a run \(.*train.json\): set resume to go on, overwrite to"):
        Run(tmp_path).trainer.run()
    assert (tmp_path / "eval" / "train.json").read_bytes() == before
    with pytest.raises(InputError, match="starts at its first epoch though resume is set: only the bundle's run loads"):
        Run(tmp_path, resume=True).trainer.run()
    assert (tmp_path / "eval" / "train.json").read_bytes() == before
    Run(tmp_path, overwrite=True).trainer.run()
    assert (tmp_path / "eval" / "train.json").read_bytes() != before


def test_nor_takes_an_id_that_nothing_reads(tmp_path):
    with pytest.raises(InputError, match=r"reads 'epoch' \(did you mean 'epochs'"):
        Run(tmp_path, config={**CONFIG, "epoch": 1}).trainer.run()


def test_a_trainer_that_goes_on_is_not_at_its_start(tmp_path):
    """Round after round, a federated client raises the number of epochs and runs the trainer again."""
    run = Run(tmp_path)
    for n_epochs in (1, 2):
        run.trainer.state.max_epochs = n_epochs
        run.trainer.run()
    assert run.written()["epochs_run"] == 2

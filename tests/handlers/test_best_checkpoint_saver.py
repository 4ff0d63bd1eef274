"""The best weights stay the best, over a resume too."""

from __future__ import annotations

import errno

import pytest
import torch
from ignite.engine import Engine, Events
from monai.handlers import CheckpointSaver

from imgae_monai.exceptions import InputError
from imgae_monai.handlers import BestCheckpointSaver


def validate(saver: CheckpointSaver, network: torch.nn.Linear, losses: list[float]) -> None:
    """Run one validation a loss, with weights that tell which one it was."""
    engine = Engine(lambda engine, batch: batch)
    engine.state.key_metric_name = "val_loss"
    saver.attach(engine)
    for loss in losses:
        torch.nn.init.constant_(network.weight, loss)
        engine.state.metrics["val_loss"] = loss
        engine.fire_event(Events.EPOCH_COMPLETED)


def stored(folder) -> float:
    return torch.load(folder / "model.pt", weights_only=True)["weight"].item()


def make(folder) -> tuple[BestCheckpointSaver, torch.nn.Linear]:
    network = torch.nn.Linear(1, 1)
    return BestCheckpointSaver(str(folder), {"model": network}, "model.pt"), network


def test_the_lowest_metric_is_kept(tmp_path):
    validate(*make(tmp_path), losses=[0.5, 0.25, 1.0])
    assert stored(tmp_path) == 0.25


def test_a_worse_validation_after_a_resume_does_not_overwrite(tmp_path):
    saver, network = make(tmp_path)
    validate(saver, network, losses=[0.5, 0.25])
    torch.save(saver.state_dict(), tmp_path / "state.pt")

    resumed, network = make(tmp_path)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    validate(resumed, network, losses=[0.5])
    assert stored(tmp_path) == 0.25
    validate(resumed, network, losses=[0.125])
    assert stored(tmp_path) == 0.125


def test_without_the_state_it_would(tmp_path):
    """Why the state is saved; when this fails, MONAI's own saver will do."""
    validate(*make(tmp_path), losses=[0.25])
    validate(*make(tmp_path), losses=[0.5])
    assert stored(tmp_path) == 0.5


def own(folder) -> tuple[CheckpointSaver, torch.nn.Linear]:
    network = torch.nn.Linear(1, 1)
    settings = {"save_key_metric": True, "key_metric_filename": "model.pt", "key_metric_negative_sign": True}
    return CheckpointSaver(str(folder), {"model": network}, **settings), network


@pytest.mark.parametrize(("build", "left"), [(make, ["model.pt"]), (own, [])])
def test_the_best_so_far_stays_until_the_better_one_is_written(build, left, tmp_path, monkeypatch):
    """MONAI's own deletes it first; when that fails, its saver will do, but for the resume."""
    saver, network = build(tmp_path)
    validate(saver, network, losses=[0.5])

    def full(*args) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises((OSError, InputError), match="No space left on device"):
        validate(saver, network, losses=[0.25])
    assert [path.name for path in tmp_path.iterdir()] == left

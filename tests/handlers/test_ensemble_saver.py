from __future__ import annotations

import errno
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events

from imgae_monai.engines import check_ensemble, member_epochs
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import EnsembleSaver


def run(saver: Any, losses: dict[int, float]) -> None:
    """Run one validation an epoch, with weights that tell which one it was."""
    for epoch, loss in losses.items():
        torch.nn.init.constant_(saver.network.weight, epoch)
        saver.trainer.state.epoch = epoch
        saver.validator.state.metrics["val_loss"] = loss
        saver.validator.fire_event(Events.EPOCH_COMPLETED)


def make(folder, n_members: int = 2) -> Any:
    trainer, validator = (Engine(lambda engine, batch: batch) for _ in range(2))
    validator.state.key_metric_name = "val_loss"
    saver = EnsembleSaver(folder, torch.nn.Linear(1, 1), validator, n_members)
    saver.attach(trainer)
    saver.trainer = trainer
    return saver


def stored(folder) -> dict[int, float]:
    return {e: torch.load(path, weights_only=True)["weight"].item() for e, path in member_epochs(folder).items()}


@pytest.mark.parametrize(
    ("losses", "kept"),
    [
        ({1: 0.5}, [1]),
        ({1: 0.5, 2: 0.4, 3: 0.6}, [1, 2]),
        ({2: 0.5, 4: 0.4, 10: 0.3, 12: 0.35}, [10, 12]),
        ({1: 0.5, 2: 0.5, 3: 0.5}, [1, 2]),  # what is no better replaces nothing
        ({1: 0.5, 2: float("nan"), 3: 0.6}, [1, 3]),
    ],
)
def test_the_best_epochs_are_kept(losses, kept, tmp_path):
    run(make(tmp_path), losses)
    assert stored(tmp_path) == {epoch: epoch for epoch in kept}


def test_an_evaluation_without_a_training_keeps_nothing(tmp_path):
    saver = make(tmp_path)
    run(saver, {1: 0.5, 2: 0.4, 0: 0.1})
    assert stored(tmp_path) == {1: 1.0, 2: 2.0}


def test_one_member_leaves_no_file(tmp_path):
    run(make(tmp_path, 1), {1: 0.5, 2: 0.4})
    assert list(tmp_path.iterdir()) == []


def test_a_resume_goes_on_and_drops_what_a_dead_process_left(tmp_path):
    first = make(tmp_path)
    run(first, {1: 0.5, 2: 0.4})
    torch.save(first.state_dict(), tmp_path / "state")
    run(first, {3: 0.1})  # and died before the next resume point
    resumed = make(tmp_path)
    resumed.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    run(resumed, {3: 0.45, 4: 0.3})
    assert stored(tmp_path) == {2: 2.0, 4: 4.0}


def test_on_a_full_disk_the_worse_ones_stay(tmp_path, monkeypatch):
    saver = make(tmp_path)
    run(saver, {1: 0.5, 2: 0.4})

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match="No space left"):
        run(saver, {3: 0.1})
    assert stored(tmp_path) == {1: 1.0, 2: 2.0}


@pytest.mark.parametrize(
    ("ensemble", "epochs", "val_interval", "patience", "fewest"),
    [(3, 2, 1, 12, 2), (3, 10, 4, 12, 2), (4, 100, 1, 2, 3)],
)
def test_training_that_may_make_too_few_is_refused(ensemble, epochs, val_interval, patience, fewest):
    with pytest.raises(InputError, match=f"ensemble of {ensemble} .* may end after {fewest}"):
        check_ensemble(ensemble, epochs, val_interval, patience)
    check_ensemble(fewest, epochs, val_interval, patience)

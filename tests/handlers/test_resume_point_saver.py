"""Resume points are whole, and the newest ones are kept."""

from __future__ import annotations

import errno
import os

import pytest
import torch
from ignite.engine import Engine, Events

from imgae_monai.exceptions import InputError
from imgae_monai.handlers import ResumePointSaver


def run_epochs(saver: ResumePointSaver, network: torch.nn.Linear, first: int, last: int) -> None:
    engine = Engine(lambda engine, batch: None)
    engine.state.epoch = first - 1
    engine.state.epoch_length, engine.state.iteration = 1, first - 1
    engine.add_event_handler(
        Events.EPOCH_STARTED, lambda e: torch.nn.init.constant_(network.weight, float(e.state.epoch))
    )
    saver.attach(engine)
    engine.load_state_dict({"epoch_length": 1, "max_epochs": last, "iteration": first - 1})
    engine.run([0], max_epochs=last)


def make(folder, **settings) -> tuple[ResumePointSaver, torch.nn.Linear]:
    network = torch.nn.Linear(1, 1)
    return ResumePointSaver(str(folder), {"network": network, "other": network}, **settings), network


def stored(folder) -> dict[str, float]:
    return {
        path.name: torch.load(path, weights_only=True)["network"]["weight"].item() for path in sorted(folder.iterdir())
    }


def test_the_newest_are_kept_over_a_resume_too(tmp_path):
    run_epochs(*make(tmp_path), first=1, last=4)
    assert stored(tmp_path) == {"checkpoint_epoch=3.pt": 3.0, "checkpoint_epoch=4.pt": 4.0}
    run_epochs(*make(tmp_path), first=5, last=5)  # MONAI's own would keep 3 to 5
    assert stored(tmp_path) == {"checkpoint_epoch=4.pt": 4.0, "checkpoint_epoch=5.pt": 5.0}


def test_every_so_many_epochs(tmp_path):
    run_epochs(*make(tmp_path, save_interval=3, n_saved=3), first=1, last=7)
    assert stored(tmp_path) == {"checkpoint_epoch=3.pt": 3.0, "checkpoint_epoch=6.pt": 6.0}


def test_a_full_disk_stops_the_run_and_leaves_what_was_there(tmp_path, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run_epochs(*make(tmp_path), first=1, last=2)
    before = stored(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot write .*checkpoint_epoch=3\.pt: No space left on device"):
        run_epochs(*make(tmp_path), first=3, last=3)
    assert stored(tmp_path) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"n_saved": 1}, "n_saved must be at least 2, got 1"), ({"save_interval": 0}, "save_interval must be at least 1")],
)
def test_settings_that_would_lose_the_run_are_refused(settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        make(tmp_path, **settings)

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
import torch

from imgae_monai.engines import run_folder
from imgae_monai.engines.run_folder import (
    check_run,
    check_schedule,
    check_writable,
    clear_run,
    holds_run,
    latest_checkpoint,
    resume_points,
)
from imgae_monai.exceptions import InputError


def prepare_run(ckpt_dir, output_dir, resume: bool = False, overwrite: bool = False) -> None:
    """What a bundle's ``run`` calls before it trains."""
    check_run(ckpt_dir, output_dir, resume, overwrite)
    clear_run(ckpt_dir, output_dir, resume, overwrite)


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    return tmp_path / "run" / "models", tmp_path / "run"


@pytest.fixture
def finished(folders) -> tuple[Path, Path]:
    ckpt_dir, output_dir = folders
    (output_dir / "tensorboard" / "val").mkdir(parents=True)
    ckpt_dir.mkdir()
    names = ("model.pt", "checkpoint_epoch=3.pt", "calibration-l1-mean.pt", "datalist.json", "notes.txt")
    for path in (*(ckpt_dir / name for name in names), output_dir / "train.json", output_dir / "paper.tex"):
        path.write_text("kept?", encoding="utf-8")
    (output_dir / "tensorboard" / "val" / "events").touch()
    return folders


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("overwrite", [False, True])
def test_new_folders_are_created_empty(folders, overwrite):
    prepare_run(*folders, overwrite=overwrite)
    assert all(folder.is_dir() for folder in folders)
    assert files(folders[1]) == set()


def test_folders_may_be_strings_and_may_be_one(tmp_path):
    prepare_run(str(tmp_path / "run"), str(tmp_path / "run"))
    assert (tmp_path / "run").is_dir()


@pytest.mark.parametrize("name", ["models/model.pt", "models/checkpoint_epoch=1.pt", "train.json"])
def test_a_run_that_is_there_is_refused_with_the_file(folders, name):
    ckpt_dir, output_dir = folders
    ckpt_dir.mkdir(parents=True)
    (output_dir / name).touch()
    message = rf"run already holds a run \(.*{name}\): set resume to go on, overwrite to start anew"
    with pytest.raises(InputError, match=message):
        prepare_run(ckpt_dir, output_dir)
    assert files(output_dir) == {name}


@pytest.mark.parametrize("name", ["models/notes.txt", "metrics.json"])
def test_other_files_are_no_run(folders, name):
    ckpt_dir, output_dir = folders
    ckpt_dir.mkdir(parents=True)
    (output_dir / name).touch()
    assert holds_run(ckpt_dir, output_dir) is None
    prepare_run(ckpt_dir, output_dir)
    assert files(output_dir) == {name}


def test_resume_leaves_every_file(finished):
    before = files(finished[1])
    prepare_run(*finished, resume=True)
    assert files(finished[1]) == before


def test_resume_without_a_checkpoint_is_refused_and_creates_nothing(folders, tmp_path):
    with pytest.raises(InputError, match=r"nothing to resume: no checkpoint_epoch=N\.pt in .*models"):
        prepare_run(*folders, resume=True)
    assert list(tmp_path.iterdir()) == []


def test_overwrite_deletes_the_run_and_nothing_else(finished):
    prepare_run(*finished, overwrite=True)
    assert files(finished[1]) == {"models/notes.txt", "paper.tex"}
    assert not (finished[1] / "tensorboard").exists()
    assert holds_run(*finished) is None


def test_resume_and_overwrite_exclude_each_other(finished):
    before = files(finished[1])
    with pytest.raises(InputError, match="resume and overwrite exclude each other: choose one"):
        prepare_run(*finished, resume=True, overwrite=True)
    assert files(finished[1]) == before


def test_nothing_is_deleted_where_a_folder_cannot_be_written(finished, monkeypatch):
    def full(dir):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = files(finished[1])
    monkeypatch.setattr(run_folder.tempfile, "TemporaryFile", full)
    with pytest.raises(InputError, match=r"cannot write to .*models: No space left on device; give another output fo"):
        prepare_run(*finished, overwrite=True)
    assert files(finished[1]) == before


def test_holds_run_names_the_first_file(finished):
    assert holds_run(*finished) == str(finished[0] / "calibration-l1-mean.pt")


def test_check_writable_creates_the_folder_and_leaves_nothing_in_it(tmp_path):
    check_writable(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("name", ["file", "file/below", "file/far/below"])
def test_a_path_at_or_below_a_regular_file_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=rf"cannot write to .*{name}: (Not a directory|File exists); give another"):
        check_writable(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="this system has no /proc")
def test_a_folder_that_even_root_cannot_write_is_refused():
    with pytest.raises(InputError, match=r"cannot write to /proc/imgae_monai/run: .+; give another output folder"):
        check_writable(Path("/proc/imgae_monai/run"))


def test_resume_points_count_epochs_as_numbers_and_pass_over_other_names(tmp_path):
    for epoch in (1, 9, 10):
        (tmp_path / f"checkpoint_epoch={epoch}.pt").touch()
    for name in (".checkpoint_epoch=30.pt.part", "checkpoint_epoch=30.pt.tmp", "checkpoint_epoch=best.pt", "model.pt"):
        (tmp_path / name).touch()
    (tmp_path / "old_checkpoint_epoch=40.pt").touch()
    assert resume_points(str(tmp_path)) == [tmp_path / f"checkpoint_epoch={epoch}.pt" for epoch in (10, 9, 1)]


def save_points(folder: Path, epochs: tuple[int, ...]) -> list[Path]:
    paths = [folder / f"checkpoint_epoch={epoch}.pt" for epoch in epochs]
    for path in paths:
        torch.save({"weight": torch.arange(5000.0)}, path)
    return paths


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = content.index(torch.arange(5000.0).numpy().tobytes()) + 9000
    content[place] ^= 1
    path.write_bytes(content)


def make_unsafe(path: Path) -> None:
    torch.save({"weight": Path("an object")}, path)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (cut_off, "BadZipFile"),
        (empty, "BadZipFile"),
        (flip_one_bit, "the checksum of .*data/0 is wrong"),
        (make_unsafe, "UnpicklingError"),
    ],
)
def test_a_spoilt_last_checkpoint_is_named_and_the_one_before_taken(spoil, fault, tmp_path, caplog):
    before, last = save_points(tmp_path, (9, 10))
    assert latest_checkpoint(tmp_path) == str(last)
    assert caplog.text == ""
    spoil(last)
    assert latest_checkpoint(tmp_path) == str(before)
    assert re.search(rf"checkpoint_epoch=10\.pt can't be used \({fault}.*\): looking for the one before", caplog.text)


def test_nothing_but_spoilt_checkpoints_is_explained(tmp_path):
    for path in save_points(tmp_path, (1, 2)):
        cut_off(path)
    with pytest.raises(InputError, match=r"nothing to resume: no checkpoint in .* can be read; --overwrite starts"):
        latest_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["model.pt", "checkpoint_epoch=best.pt"])
def test_no_checkpoint_is_explained(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"nothing to resume: no checkpoint_epoch=N\.pt in "):
        latest_checkpoint(tmp_path)
    with pytest.raises(InputError, match=r"nothing to resume: no checkpoint_epoch=N\.pt in .*gone"):
        latest_checkpoint(tmp_path / "gone")


def test_checking_changes_nothing(finished):
    before = files(finished[1])
    check_run(*finished, overwrite=True)
    check_run(*finished, resume=True)
    assert files(finished[1]) == before


@pytest.mark.parametrize(("epochs", "val_interval"), [(1, 2), (5, 0)])
def test_a_run_that_would_never_be_validated_is_refused(epochs, val_interval):
    with pytest.raises(
        InputError, match=rf"val_interval must be between 1 and epochs \({epochs}\), got {val_interval}"
    ):
        check_schedule(epochs, val_interval)
    check_schedule(5, 5)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0, 1, 0.0, 0), "accumulation_steps must be at least 1, got 0"),
        ((1, 0, 0.0, 0), "patience must be at least 1 validation, got 0"),
        ((1, 1, -0.5, 0), "min_delta must be 0 or more, got -0.5"),
        ((1, 1, 0.0, -1), "picture_interval must be 1 or more epochs, or 0 for no pictures, got -1"),
    ],
)
def test_numbers_below_their_least_are_refused_before_training(numbers, message):
    with pytest.raises(InputError, match=message):
        check_schedule(5, 1, *numbers)

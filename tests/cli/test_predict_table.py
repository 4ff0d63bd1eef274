"""Long lists are scored in parts: shared, stopped, gone on with; no row is lost, none comes twice."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from imgae_monai.cli.predict_table import device_of_rank
from imgae_monai.data.row_table import read_rows
from tests.conftest import REPO

BUNDLE = "unet_autoencoder"
PLAIN_MAP = ("--residual", "l1", "--smoothing_sigma", 1)


@pytest.fixture(scope="module")
def many(phantoms, tmp_path_factory) -> Path:
    """A list of 300 names of 24 images."""
    folder = tmp_path_factory.mktemp("many")
    images = sorted((phantoms / "test").rglob("*.png"))
    for i in range(300):
        os.link(images[i % len(images)], folder / f"{i:03d}.png")
    (folder / "list.txt").write_text("".join(f"{i:03d}.png\n" for i in range(300)))
    return folder / "list.txt"


@pytest.fixture
def as_rank(monkeypatch, cli):
    """Call the command line as torchrun would start it."""

    def call(rank: int, world_size: int, *words: object) -> None:
        with monkeypatch.context() as patch:
            patch.setenv("RANK", str(rank))
            patch.setenv("WORLD_SIZE", str(world_size))
            cli(*words)

    return call


def all_rows(output: Path) -> list[dict]:
    parts = sorted((output / "parts").iterdir())
    assert [part.stem for part in parts] == [f"part-{i:05d}" for i in range(len(parts))]
    return [row for part in parts for row in read_rows(part)]


def refused(cli, capsys, *words: object) -> str:
    with pytest.raises(SystemExit) as e:
        cli(*words)
    assert e.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def whole(cli, runs, many, tmp_path_factory) -> list[dict]:
    """The rows of one process that nothing stopped."""
    output = tmp_path_factory.mktemp("whole")
    cli("predict", runs[BUNDLE], many, "--output", output, "--table", "csv")
    return all_rows(output)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_killed_in_the_middle_and_gone_on_with_by_others(runs, many, whole, as_rank, capsys, tmp_path):
    """torchrun with two ranks, both killed; three ranks do the rest."""
    words = ["predict", runs[BUNDLE], many, "--output", tmp_path / "out", "--table", "csv", "--batch_size", 4]
    words += ["--part_size", 4]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "0"]
    command = [*torchrun, "-m", "imgae_monai", *map(str, words)]
    env = {**os.environ, "PYTHONPATH": str(REPO), "OMP_NUM_THREADS": "1"}
    with open(tmp_path / "log", "w") as log:
        agent = psutil.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(lambda: all(len(parts) >= 2 for parts in _by_rank(tmp_path / "out")), agent, tmp_path / "log")
    finally:
        processes = [agent, *agent.children(recursive=True)]
        for process in processes:
            process.suspend()
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=30)  # a lock is held until its holder is gone
    done = {part: part.stat().st_mtime_ns for part in (tmp_path / "out" / "parts").glob("part-*")}
    assert 4 <= len(done) < 75
    for rank in range(3):
        as_rank(rank, 3, *words)
    assert all(part.stat().st_mtime_ns == time_ns for part, time_ns in done.items())
    rows = all_rows(tmp_path / "out")
    assert [row["image"] for row in rows] == [str(many.parent / f"{i:03d}.png") for i in range(300)]
    assert [row["score"] for row in rows] == pytest.approx([row["score"] for row in whole], rel=1e-5)
    printed = capsys.readouterr().out.splitlines()
    assert [line.startswith("this process has done its share") for line in printed] == [True, True, False]
    n_abnormal = sum(row["decision"] for row in rows)
    assert printed[2].startswith(f"300 images: {n_abnormal} abnormal, {300 - n_abnormal} normal (threshold ")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("images.csv", "parts", "scoring.json", "summary.json")
    ]


def _by_rank(output: Path) -> tuple[list[Path], list[Path]]:
    parts = list(output.glob("parts/part-*"))
    even = [part for part in parts if int(part.stem[-5:]) % 2 == 0]
    return even, [part for part in parts if part not in even]


def _wait_for(condition, process: psutil.Popen, log: Path) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.01)


@pytest.mark.parametrize("table", ["csv", "parquet"])
def test_shared_and_stopped_the_bits_are_those_of_one_process(
    table, runs, many, whole, as_rank, cli, capsys, monkeypatch, tmp_path
):
    if table == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra parquet")
    words = ["predict", runs[BUNDLE], many, "--output", tmp_path, "--table", table, "--part_size", 32]
    as_rank(1, 2, *words)

    calls = []

    def full(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        os.rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        error = refused(cli, capsys, *words)
    assert f"cannot write {tmp_path / 'parts' / 'part-00004'}.{table}: No space left on device" in error
    assert len(list((tmp_path / "parts").iterdir())) == 5 + 2
    cli(*words)
    assert all_rows(tmp_path) == whole
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["n_images"], summary["n_parts"], summary["n_unreadable"]) == (300, 10, 0)
    cli(*words)
    assert all_rows(tmp_path) == whole


@pytest.mark.parametrize("flags", [(), ("--combine", "none", *PLAIN_MAP)])
def test_scores_are_to_the_bit_those_of_predict(flags, cli, default_score_runs, phantoms, monkeypatch, tmp_path):
    """Though the map is not made where the score is not of it."""
    for bundle, run in default_score_runs.items():
        if flags:
            run = shutil.copytree(run, tmp_path / bundle / "run")
            cli("calibrate", run, *flags)
        words = ("predict", run, phantoms / "test", *flags, "--output")
        cli(*words, tmp_path / bundle / "plain")
        with monkeypatch.context() as patch:
            if not flags:
                patch.delattr("imgae_monai.transforms.ResidualMapd.__call__")
            cli(*words, tmp_path / bundle / "table", "--table", "csv")
        with open(tmp_path / bundle / "plain" / "predictions.csv", newline="") as f:
            plain = [(row["image"], row["score"], row["decision"]) for row in csv.DictReader(f)]
        with open(tmp_path / bundle / "table" / "parts" / "part-00000.csv", newline="") as f:
            table = [(row["image"], row["score"], row["decision"]) for row in csv.DictReader(f)]
        assert len(plain) == 24
        assert table == plain


def test_rows_carry_what_the_datalist_tells(cli, runs, phantoms, tmp_path):
    image = next((phantoms / "test" / "abnormal").iterdir())
    (tmp_path / "list.json").write_text(json.dumps({"test": [{"image": str(image), "label": 1, "patient_id": "p"}]}))
    cli("predict", runs[BUNDLE], tmp_path / "list.json", "--output", tmp_path / "out", "--table", "csv")
    (row,) = all_rows(tmp_path / "out")
    assert (row["label"], row["patient_id"], row["split"], row["synthetic"]) == (1, "p", "test", 1)
    cli("predict", runs[BUNDLE], tmp_path / "out" / "parts" / "part-00000.csv", "--output", tmp_path / "pictures")
    with open(tmp_path / "pictures" / "predictions.csv", newline="") as f:
        (again,) = csv.DictReader(f)
    assert float(again["score"]) == row["score"]


def test_another_run_score_list_or_size_does_not_go_on(cli, capsys, runs, many, tmp_path):
    run = shutil.copytree(runs[BUNDLE], tmp_path / "run")
    few = tmp_path / "few"
    few.mkdir()
    for name in ("000.png", "001.png", "002.png"):
        os.link(many.parent / name, few / name)
    words = ("predict", run, few / ".." / "few", "--output", tmp_path / "out", "--table", "csv")
    cli(*words)
    before = all_rows(tmp_path / "out")

    def told(*words):
        error = refused(cli, capsys, *words)
        assert "holds parts of another scoring" in error
        return error

    cli("calibrate", run, "--residual", "l2")
    assert "calibration_sha256 was" in told(*words, "--residual", "l2")
    assert "batch_size was 8, is 4; go on as it was begun, or give another --output" in told(*words, "--batch_size", 4)
    cli("calibrate", run, "--specificity", 0.5)
    assert "calibration_sha256 was" in told(*words)
    other = ("predict", runs["reversed_autoencoder"], *words[2:])
    assert "checkpoint_sha256 was" in told(*other)
    shutil.copytree(runs[BUNDLE], tmp_path / "moved")  # the same weights elsewhere
    words = ("predict", tmp_path / "moved", *words[2:])
    os.link(many.parent / "003.png", few / "003.png")
    error = told(*words)
    assert f"n_images was 3, is 4; the list that it was begun with is {tmp_path / 'out' / 'images.csv'}" in error
    cli(words[0], words[1], tmp_path / "out" / "images.csv", *words[3:])
    assert all_rows(tmp_path / "out") == before


def test_an_unreadable_image_is_named_or_gets_a_row_when_it_is_gone_on_with(cli, capsys, runs, many, tmp_path):
    for name in ("000.png", "001.png"):
        shutil.copy(many.parent / name, tmp_path / name)
    (tmp_path / "001.png").write_bytes(b"no picture")
    (tmp_path / "list.txt").write_text("000.png\n001.png\ngone.png\n")
    words = ("predict", runs[BUNDLE], tmp_path / "list.txt", "--output", tmp_path / "out", "--table", "csv")
    words = (*words, "--batch_size", 1, "--part_size", 1)
    for more in ((), ("--num_workers", 1)):
        error = refused(cli, capsys, *words, *more).splitlines()[-1]
        assert error.startswith(f"error: cannot read {tmp_path / '001.png'}")
        assert error.endswith("start the same command again, or add --unreadable row)")
    cli(*words, "--unreadable", "row")
    rows = all_rows(tmp_path / "out")
    assert [row["decision"] for row in rows] == [0, None, None]
    assert rows[2]["unreadable"] == f"cannot read {tmp_path / 'gone.png'}: no such file"
    assert "3 images: 0 abnormal, 1 normal (threshold" in capsys.readouterr().out


@pytest.fixture
def held(tmp_path):
    """Let another process hold a lock of the folder; gives its number."""
    holders = []

    def hold(name: str) -> int:
        command = [sys.executable, "-c", _HOLD, str(tmp_path / ".ranks" / name)]
        holders.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert holders[-1].stdout is not None
        holders[-1].stdout.readline()
        return holders[-1].pid

    yield hold
    for holder in holders:
        holder.kill()
        holder.wait()


def test_a_folder_has_one_process_a_rank(cli, capsys, runs, many, as_rank, held, tmp_path):
    words = ("predict", runs[BUNDLE], many, "--output", tmp_path, "--table", "csv")
    assert f"is in use by process {held('0-of-2')}" in refused(as_two(as_rank), capsys, *words)
    as_rank(1, 2, *words)
    assert list((tmp_path / "parts").iterdir()) == []  # the one part is the first rank's


def test_while_others_share_by_another_number_none_starts(cli, capsys, runs, many, held, tmp_path):
    words = ("predict", runs[BUNDLE], many, "--output", tmp_path, "--table", "csv")
    assert f"is in use by process {held('1-of-2')}" in refused(cli, capsys, *words)
    assert list((tmp_path / "parts").iterdir()) == []


def as_two(as_rank):
    return lambda *words: as_rank(0, 2, *words)


_HOLD = """
import fcntl, os, pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True)
file = open(folder / ".lock", "a+")
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
file.write(f"process {os.getpid()} on here")
file.flush()
print("held", flush=True)
time.sleep(600)
"""


def test_a_part_that_was_changed_is_found_out_at_the_end(cli, capsys, runs, many, whole, tmp_path):
    words = ("predict", runs[BUNDLE], many, "--output", tmp_path, "--table", "csv", "--part_size", 64)
    cli(*words)
    part = tmp_path / "parts" / "part-00002.csv"
    lines = part.read_text().splitlines(keepends=True)
    part.write_text("".join(lines[:-1]))
    assert f"{part} has not the rows of its images: delete it" in refused(cli, capsys, *words)
    part.unlink()
    cli(*words)
    assert all_rows(tmp_path) == whole
    (tmp_path / "scoring.json").unlink()
    assert "scoring.json is missing, so that nobody knows" in refused(cli, capsys, *words)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--table", "csv", "--explain", "gradient"),
            "--table holds rows only: predict the images of interest without",
        ),
        (("--table", "csv", "--overwrite"), "--overwrite does not go with --table: the same command goes on"),
        (("--part_size", 16), "--part_size is for a table only: give --table csv or --table parquet"),
        (("--unreadable", "row"), "--unreadable is for a table only"),
        (("--table", "csv", "--part_size", 20), "part_size must be a multiple of batch_size (8), got 20: take 16"),
        (("--table", "xls"), "csv"),
        (("--table", "csv", "--unreadable", "skip"), "row"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(flags, message, cli, capsys, runs, many, tmp_path):
    assert message in refused(cli, capsys, "predict", runs[BUNDLE], many, "--output", tmp_path, *flags)


def test_pictures_are_not_written_by_several_processes_or_into_a_table(cli, capsys, runs, many, as_rank, tmp_path):
    words = ("predict", runs[BUNDLE], many, "--output", tmp_path)
    with pytest.raises(SystemExit):
        as_rank(0, 2, *words)
    assert "2 processes predict together only with --table csv" in capsys.readouterr().err
    (tmp_path / "scoring.json").write_text("{}")
    assert "holds parts of a table: give another --output" in refused(cli, capsys, *words)
    (tmp_path / "predictions.csv").touch()
    assert "already holds predictions with pictures" in refused(cli, capsys, *words, "--table", "csv")


def test_a_run_from_before_tables_says_so(cli, capsys, runs, many, tmp_path):
    old = shutil.copytree(runs[BUNDLE], tmp_path / "run")
    path = old / "configs" / "inference.json"
    config = json.loads(path.read_text())
    del config["table"]
    path.write_text(json.dumps(config))
    error = refused(cli, capsys, "predict", old, many, "--output", tmp_path / "out", "--table", "csv")
    assert "was trained by a version that writes no tables: predict without --table" in error


@pytest.mark.parametrize(
    ("device", "n_gpus", "local_rank", "expected"),
    [
        (None, 2, "1", "cuda:1"),
        ("auto", 2, "3", "cuda:1"),
        ("cuda", 2, "0", "cuda:0"),
        ("cuda:0", 2, "1", "cuda:0"),
        ("cpu", 2, "1", "cpu"),
        (None, 0, "1", None),
        (None, 2, None, None),
    ],
)
def test_each_process_of_a_machine_takes_a_gpu_of_its_own(device, n_gpus, local_rank, expected, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: n_gpus > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: n_gpus)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    if local_rank is not None:
        monkeypatch.setenv("LOCAL_RANK", local_rank)
    assert device_of_rank(device) == expected


def test_ctrl_c_says_that_the_command_goes_on(cli, capsys, runs, many, monkeypatch, tmp_path):
    monkeypatch.setattr("imgae_monai.handlers.PartWriter._write", lambda self, part: signal.raise_signal(signal.SIGINT))
    with pytest.raises(SystemExit) as e:
        cli("predict", runs[BUNDLE], many, "--output", tmp_path, "--table", "csv", "--part_size", 8)
    assert e.value.code == 130
    assert capsys.readouterr().err.endswith("interrupted; the same command goes on with the parts that are there\n")

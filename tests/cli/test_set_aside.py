from __future__ import annotations

from pathlib import Path

import pytest

from imgae_monai.cli.set_aside import set_aside

PARTS = ["models", "train.json", "scores.csv"]


def write_run(folder: Path, text: str, weights: bool = True) -> None:
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "train.json").write_text(text)
    if weights:
        (folder / "models" / "model.pt").write_text(text)


def held(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_new_run_with_weights_takes_the_place_of_the_old(tmp_path):
    write_run(tmp_path, "old")
    (tmp_path / "scores.csv").write_text("old")
    (tmp_path / "notes.txt").write_text("kept")
    with set_aside(tmp_path, PARTS, tmp_path / ".old"):
        assert held(tmp_path / ".old") == {"models/model.pt": "old", "train.json": "old", "scores.csv": "old"}
        write_run(tmp_path, "new")
    assert held(tmp_path) == {"models/model.pt": "new", "train.json": "new", "notes.txt": "kept"}
    assert not (tmp_path / ".old").exists()


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, OSError])
def test_without_new_weights_the_old_run_comes_back(tmp_path, error):
    write_run(tmp_path, "old")
    try:
        with set_aside(tmp_path, PARTS, tmp_path / ".old"):
            write_run(tmp_path, "new", weights=False)
            (tmp_path / "scores.csv").write_text("new")
            if error is not None:
                raise error
    except (KeyboardInterrupt, OSError):
        pass
    assert held(tmp_path) == {"models/model.pt": "old", "train.json": "old"}


def test_an_attempt_that_died_is_cleared_away_and_the_old_run_still_kept(tmp_path):
    write_run(tmp_path / ".old", "old")
    write_run(tmp_path, "died", weights=False)
    with set_aside(tmp_path, PARTS, tmp_path / ".old"):
        assert not (tmp_path / "train.json").exists()
        assert not (tmp_path / "models").exists()
    assert held(tmp_path) == {"models/model.pt": "old", "train.json": "old"}


def test_where_nothing_is_there_nothing_is_kept(tmp_path):
    with set_aside(tmp_path, PARTS, tmp_path / ".old"):
        assert not (tmp_path / ".old").exists()
        write_run(tmp_path, "new", weights=False)
    assert held(tmp_path) == {"train.json": "new"}

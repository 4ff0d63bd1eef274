"""The cache on disk: read again, made anew where it is damaged, explained where it can't be written."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.transforms import Compose, EnsureTyped, Lambdad, RandScaleIntensityd

from imgae_monai.data import DiskCacheDataset
from imgae_monai.exceptions import InputError

ITEMS = [{"image": np.full((1, 20, 20), i, dtype=np.float32), "name": f"{i}"} for i in range(4)]


def count(image: torch.Tensor) -> torch.Tensor:
    """Stands for the decoding of an image."""
    CALLS.append(float(image.max()))
    return image + 1


CALLS: list[float] = []


@pytest.fixture(autouse=True)
def calls() -> list[float]:
    CALLS.clear()
    return CALLS


def build(folder: Path) -> DiskCacheDataset:
    steps = [Lambdad("image", count), EnsureTyped("image", track_meta=False)]
    return DiskCacheDataset(ITEMS, Compose([*steps, RandScaleIntensityd("image", factors=0, prob=1)]), folder)


def values(dataset: DiskCacheDataset) -> list[float]:
    return [float(dataset[i]["image"].mean()) for i in range(len(ITEMS))]


def test_images_are_made_once_and_found_by_later_runs(tmp_path, calls):
    first = build(tmp_path / "deep" / "cache")
    assert values(first) == values(first) == values(build(tmp_path / "deep" / "cache")) == [1, 2, 3, 4]
    assert calls == [0, 1, 2, 3]
    assert {p.suffix for p in (tmp_path / "deep" / "cache").iterdir()} == {".pt"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text" * 100, 0.1, 0.5, 0.99])
def test_a_damaged_file_is_made_anew_with_a_warning(content, tmp_path, calls, caplog):
    values(build(tmp_path))
    for path in tmp_path.iterdir():
        whole = path.read_bytes()
        path.write_bytes(content if isinstance(content, bytes) else whole[: int(len(whole) * content)])
    calls.clear()
    assert values(build(tmp_path)) == [1, 2, 3, 4]
    assert calls == [0, 1, 2, 3]
    assert caplog.text.count("can't be read") == 4
    calls.clear()
    assert values(build(tmp_path)) == [1, 2, 3, 4]
    assert calls == []


def test_a_file_that_would_run_code_is_made_anew(tmp_path, calls):
    values(build(tmp_path))
    for path in tmp_path.iterdir():
        torch.save({"image": threading.Thread}, path)
    assert values(build(tmp_path)) == [1, 2, 3, 4]
    assert calls == [0, 1, 2, 3] * 2


def test_workers_may_find_the_same_damaged_file(tmp_path):
    values(build(tmp_path))
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:300])
    loader = DataLoader(build(tmp_path), batch_sampler=[[0, 1], [1, 0], [0, 1], [1, 0]], num_workers=2)
    assert [sorted(batch["image"].mean(dim=(1, 2, 3)).tolist()) for batch in loader] == [[1, 2]] * 4
    assert len(list(tmp_path.iterdir())) == len(ITEMS)


def test_files_are_finished_in_the_folder_itself(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("another file system")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    monkeypatch.setattr("shutil.move", refuse)
    assert values(build(tmp_path)) == [1, 2, 3, 4]
    assert len(list(tmp_path.iterdir())) == len(ITEMS)


def test_a_full_disk_is_explained_and_leaves_nothing(tmp_path):
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.data.test_persistent_cache import build\n"
        "dataset = build(Path(sys.argv[1]))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"  # stands for a disk with room for 1000 bytes
        "try:\n    dataset[0]\n"
        "except ValueError as e:\n    print(type(e).__name__, e)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    expected = f"InputError cannot write to the cache_dir {tmp_path}: File too large; make room there, or give another"
    assert done.stdout.startswith(expected)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").touch()
    for folder, reason in (("file", "File exists"), ("file/cache", "Not a directory")):
        with pytest.raises(InputError, match=rf"cannot make the folder {tmp_path}/{folder}: {reason}; give another"):
            build(tmp_path / folder)

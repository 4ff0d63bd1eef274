"""What a worker process could not read is explained as if there were no workers."""

from __future__ import annotations

import errno
import shutil
import traceback
from pathlib import Path

import pytest
from monai.data import DataLoader, Dataset
from monai.transforms import Compose
from PIL import Image

from imgae_monai.__main__ import explain
from imgae_monai.exceptions import InputError, SourceUnavailable
from imgae_monai.transforms import LoadGrayscaled


def refuse(item: dict) -> dict:
    raise item["error"]


def wrap(item: dict) -> dict:
    try:
        return refuse(item)
    except InputError as e:
        raise RuntimeError(f"applying transform to\n{item['image']}") from e


def error_from_worker(dataset) -> BaseException:
    with pytest.raises(Exception, match=r"Caught \w+ in DataLoader worker process 0") as e:
        list(DataLoader(dataset, num_workers=1))
    return e.value


@pytest.mark.parametrize("transform", [refuse, wrap])
@pytest.mark.parametrize("kind", [InputError, SourceUnavailable])
def test_only_the_message_of_a_workers_error_is_left(transform, kind):
    message = "cannot read a.png:\n\nit ends early\nreplace it"
    error = error_from_worker(Dataset([{"image": "a.png", "error": kind(message)}], transform))
    assert len(str(error).splitlines()) > 20
    assert explain(error) == message


def test_a_transforms_cause_is_found_in_a_workers_text(tmp_path):
    Image.effect_noise((64, 64), 50).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:300])
    item = {"image": str(tmp_path / "a.png")}
    error = error_from_worker(Dataset([item], Compose([LoadGrayscaled("image")])))
    with pytest.raises(RuntimeError) as alone:
        Dataset([item], Compose([LoadGrayscaled("image")]))[0]
    assert explain(error) == explain(alone.value)
    assert explain(error).startswith(f"cannot read {tmp_path}/a.png: ")


def test_other_errors_of_a_worker_keep_their_traceback():
    assert explain(error_from_worker(Dataset([{"error": KeyError("x")}], refuse))) is None
    assert explain(RuntimeError("imgae_monai.exceptions.InputError: not from a worker")) is None


def test_a_training_image_that_a_worker_cannot_read_is_named_in_one_line(
    capsys, monkeypatch, train_tiny, phantoms, tmp_path
):
    explained: list[BaseException] = []
    monkeypatch.setattr("imgae_monai.__main__.explain", lambda error: explained.append(error) or explain(error))
    data = shutil.copytree(phantoms, tmp_path / "data")
    spoilt = sorted(Path(data, "train", "normal").iterdir())[2]  # not one of those whose size is measured first
    spoilt.write_bytes(spoilt.read_bytes()[:200])
    with pytest.raises(SystemExit) as e:
        train_tiny("unet_autoencoder", tmp_path / "run", "--cache", "none", "--num_workers", 1, data=data)
    assert e.value.code == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert str(spoilt) in line
    assert "in DataLoader worker process 0" in "".join(traceback.format_exception(explained[0]))


def test_a_full_disk_is_explained_whoever_writes():
    error = RuntimeError("event writer")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device", "events.out")
    expected = (
        "No space left on device (events.out): make room; in training, --resume auto goes on from the last resume point"
    )
    assert explain(error) == expected
    assert explain(OSError(errno.EIO, "Input/output error", "events.out")) is None

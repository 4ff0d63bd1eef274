from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from imgae_monai.data import load_datalist, read_image, read_medmnist, read_source
from imgae_monai.exceptions import InputError

COUNTS = {"train": 6, "val": 3, "test": 4}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "imgae_monai"


def arrays(labels: dict[str, list], shape: tuple[int, ...] = (5, 4)) -> dict[str, np.ndarray]:
    """Images whose every pixel is their number over all splits."""
    made, first = {}, 0
    for split, values in labels.items():
        numbers = np.arange(first, first + len(values), dtype=np.uint8)
        made[f"{split}_images"] = np.broadcast_to(numbers.reshape(-1, *[1] * len(shape)), (len(values), *shape)).copy()
        made[f"{split}_labels"] = np.array(values, dtype=np.uint8).reshape(len(values), -1)
        first += len(values)
    return made


BINARY = {"train": [1, 1, 1, 1, 1, 1], "val": [1, 0, 1], "test": [0, 1, 1, 0]}  # BreastMNIST: 0 is malignant


def archive(path: Path, labels: dict[str, list] = BINARY, shape: tuple[int, ...] = (5, 4)) -> Path:
    np.savez_compressed(path, **arrays(labels, shape))
    return path


def test_images_are_read_in_order_with_their_labels(tmp_path, cache):
    items = read_medmnist(archive(tmp_path / "breastmnist.npz"), ["1"])
    assert [item["split"] for item in items] == ["train"] * 6 + ["val"] * 3 + ["test"] * 4
    assert [item["label"] for item in items] == [0] * 6 + [0, 1, 0] + [1, 0, 0, 1]
    assert [round(255 * float(read_image(item["image"]).max())) for item in items] == list(range(13))
    assert [item["finding"] for item in items[-4:]] == ["0", "1", "1", "0"]
    assert items[7]["image"] == str(next(cache.glob("npz-*")) / "val_images.npy") + "#1"
    assert items[7]["patient_id"] == "val/1"


def test_the_other_class_may_be_the_normal_one(tmp_path):
    items = read_medmnist(archive(tmp_path / "a.npz"), ["0"], ["1"])
    assert [item["label"] for item in items[-4:]] == [0, 1, 1, 0]


@pytest.mark.parametrize("normal", [("normal",), ("2",), ("malignant",)])
def test_which_class_is_normal_is_never_guessed(tmp_path, normal):
    message = r"a\.npz: which of the labels 0 \(3 images\), 1 \(10 images\) is normal is not known.*--normal_names 0"
    with pytest.raises(InputError, match=message):
        read_medmnist(archive(tmp_path / "a.npz"), normal)


def test_labels_that_neither_list_names_are_refused(tmp_path):
    path = archive(tmp_path / "a.npz", {"train": [0, 0], "test": [0, 1, 2, 10]})
    assert [i["label"] for i in read_medmnist(path, ["0"])] == [0, 0, 0, 1, 1, 1]  # the default means all others
    with pytest.raises(InputError, match=r"labels \['2', '10'\] are in neither normal_names nor abnormal_names"):
        read_medmnist(path, ["0"], ["1"])
    with pytest.raises(InputError, match=r"label 0 is in normal_names and in abnormal_names"):
        read_medmnist(path, ["0"], ["0", "1", "2", "10"])


def test_of_several_labels_none_set_is_normal(tmp_path):
    labels = {"train": [[0, 0, 0], [0, 0, 0]], "test": [[0, 0, 0], [1, 0, 1], [0, 1, 0]]}
    items = read_medmnist(archive(tmp_path / "chestmnist.npz", labels))
    assert [item["label"] for item in items] == [0, 0, 0, 1, 1]
    assert [item.get("finding") for item in items] == [None, None, None, "0|2", "1"]


def test_volumes_are_read(tmp_path):
    items = read_medmnist(archive(tmp_path / "organmnist3d.npz", shape=(6, 5, 4)), ["1"])
    assert read_image(items[3]["image"]).shape == (5, 4, 6)


def test_load_datalist_hashes_each_image_alone(tmp_path):
    path = archive(tmp_path / "a.npz")
    data = load_datalist(path, "1")
    assert len({item["sha256"] for item in data.items}) == 13
    row = np.full((5, 4), 12, dtype=np.uint8)
    expected = hashlib.sha256(b"|u1 (5, 4) " + row.tobytes()).hexdigest()
    assert data.items[-1]["sha256"] == expected
    copy = arrays(BINARY)
    copy["test_images"][0] = copy["train_images"][2]
    np.savez(path, **copy)
    with pytest.raises(InputError, match=r"under both labels.*train_images\.npy#2 \(normal\) and .*test_images\.npy#0"):
        load_datalist(path, "1")


def test_members_are_unpacked_once_and_anew_when_the_file_changes(tmp_path, cache):
    path = archive(tmp_path / "a.npz")
    first = read_source(path, ["1"]).items
    folder = next(cache.glob("npz-*"))
    before = (folder / "train_images.npy").stat().st_mtime_ns
    assert read_source(path, ["1"]).items == first
    assert (folder / "train_images.npy").stat().st_mtime_ns == before
    archive(path, {"train": [1], "test": [1, 0]})
    assert len(read_source(path, ["1"]).items) == 3
    assert len(list(cache.glob("npz-*"))) == 2


@pytest.mark.parametrize("cut", [40, 400, -30])
def test_a_damaged_file_is_named_and_leaves_nothing(tmp_path, cache, cut):
    path = archive(tmp_path / "a.npz")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match=r"cannot read .*a\.npz: .*; fetch it again"):
        read_medmnist(path, ["1"])
    assert list(cache.glob("*")) == []


def test_a_flipped_byte_is_noticed(tmp_path, cache):
    np.savez(tmp_path / "a.npz", **arrays(BINARY))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    with zipfile.ZipFile(tmp_path / "a.npz") as stored:
        content[stored.getinfo("val_images.npy").header_offset + 200] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*a\.npz: Bad CRC-32"):
        read_medmnist(tmp_path / "a.npz", ["1"])
    assert list(cache.glob("*")) == []


def test_pickled_members_are_refused(tmp_path):
    made = arrays(BINARY)
    made["test_labels"] = np.array([[0], [1], [None], [1]], dtype=object)
    np.savez(tmp_path / "a.npz", **made)
    with pytest.raises(InputError, match=r"cannot read .*a\.npz"):
        read_medmnist(tmp_path / "a.npz", ["1"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_labels": None}, "is no MedMNIST file: expected train_images, train_labels"),
        ({"val_labels": np.zeros((2, 1))}, r"val_labels of dtype float64 and shape \(2,\), expected integers"),
        ({"val_labels": np.zeros((2, 1), dtype=int)}, r"one row for each of 3 images"),
        ({"val_labels": np.full((3, 2), 7)}, "rows of several labels, expected 0 or 1 in each"),
    ],
)
def test_what_is_no_medmnist_is_explained(tmp_path, change, message):
    made = {k: v for k, v in (arrays(BINARY) | change).items() if v is not None}
    np.savez(tmp_path / "a.npz", **made)
    with pytest.raises(InputError, match=message):
        read_medmnist(tmp_path / "a.npz", ["1"])


def test_a_file_under_a_password_is_named(tmp_path, cache):
    path = archive(tmp_path / "a.npz")
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # local and central headers' flags
        start = content.find(mark)
        while start >= 0:
            content[start + place] |= 1
            start = content.find(mark, start + 4)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*a\.npz: .*is encrypted, password required"):
        read_medmnist(path, ["1"])
    assert list(cache.glob("*")) == []


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED])
def test_damaged_compression_is_named(tmp_path, cache, method):
    stored = archive(tmp_path / "stored.npz")
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(stored) as source, zipfile.ZipFile(path, "w", method) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        info = target.getinfo("train_images.npy")
    content = bytearray(path.read_bytes())
    start = info.header_offset + 30 + len(info.filename)
    content[start + 9 : start + info.compress_size] = b"\xff" * (info.compress_size - 9)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*a\.npz: .*; fetch it again"):
        read_medmnist(path, ["1"])
    assert list(cache.glob("*")) == []


def test_a_full_disk_is_named(tmp_path, cache, monkeypatch):
    path = archive(tmp_path / "a.npz")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(InputError, match=r"cannot unpack .*a\.npz to .*: No space left on device"):
        read_medmnist(path, ["1"])
    assert list(cache.glob("*")) == []


def test_a_pattern_for_patients_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"patient_pattern '.*' cannot name the patient of .*\.npy#0, a row"):
        read_source(archive(tmp_path / "a.npz"), ["1"], patient_pattern=r"p(\d+)")

"""A set with one of every fault, from drawn phantoms."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

# what was spoilt: name of the finding, and the images of each of its groups
FAULTS = {
    "truncated": [{"train/normal/cut.png"}, {"train/normal/empty.png"}],
    "unreadable": [{"train/normal/page.png"}],
    "constant": [{"train/normal/black.png"}, {"test/normal/<script>alert(1)<b>.png"}],
    "near_empty": [{"test/abnormal/blank.png"}],
    "odd_size": [{"train/normal/strip.png"}],
    "duplicate": [{"train/normal/a.png", "train/normal/copy.png"}],
    "duplicate_across_splits": [
        {"test/normal/a.png", "train/normal/of_test.png"},
        {"val/normal/a.png", "train/normal/pixels_of_val.bmp"},
    ],
    "near_duplicate_across_splits": [{"test/normal/b.png", "train/normal/near_test.jpg"}],
    "label_conflict": [{"test/normal/c.png", "test/abnormal/same.png"}],
    "near_label_conflict": [{"test/abnormal/a.png", "test/normal/near.jpg"}],
    "patient_across_splits": [{"test/normal/d.png", "train/normal/b.png"}],
}


def write_spoilt(phantoms: Path, folder: Path) -> Path:
    """Write the set.

    Args:
        phantoms: a folder of drawn phantoms, of which a few are taken.
        folder: where to write.
    """
    for place, names in (("train/normal", "abcdefgh"), ("val/normal", "abc"), ("test/normal", "abcdef")):
        _take(phantoms, folder, place, names)
    _take(phantoms, folder, "test/abnormal", "abcde")
    train, test, sick = folder / "train/normal", folder / "test/normal", folder / "test/abnormal"
    (train / "cut.png").write_bytes((train / "c.png").read_bytes()[:300])
    (train / "empty.png").write_bytes(b"")
    (train / "page.png").write_bytes(b"<html>not found</html>" * 20)
    Image.new("L", (32, 32)).save(train / "black.png")
    Image.new("L", (32, 32), 80).save(test / "<script>alert(1)<b>.png")
    spot = np.zeros((32, 32), np.uint8)
    spot[5:8, 5:8] = 200
    Image.fromarray(spot).save(sick / "blank.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 90), dtype=np.uint8)).save(train / "strip.png")
    shutil.copy(train / "a.png", train / "copy.png")
    shutil.copy(test / "a.png", train / "of_test.png")
    Image.open(folder / "val/normal/a.png").save(train / "pixels_of_val.bmp")
    Image.open(test / "b.png").save(train / "near_test.jpg", quality=92)
    shutil.copy(test / "c.png", sick / "same.png")
    Image.open(sick / "a.png").save(test / "near.jpg", quality=92)
    _write_manifest(folder)
    return folder


def _take(phantoms: Path, folder: Path, place: str, names: str) -> None:
    (folder / place).mkdir(parents=True)
    for source, name in zip(sorted((phantoms / place).glob("*.png"))[::3], names, strict=False):
        shutil.copy(source, folder / place / f"{name}.png")


def _write_manifest(folder: Path) -> None:
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    with open(folder / "manifest.csv", "w", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(["file", "patient_id", "view"])
        shared = FAULTS["patient_across_splits"][0]
        writer.writerows([file, "both" if file in shared else f"p{i}", "PA"] for i, file in enumerate(files))

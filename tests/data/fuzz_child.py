"""Damage image files of every kind and read them: ``python -m tests.data.fuzz_child FOLDER N SEED``.

It runs in a process of its own, so that a crash of a decoder is seen. Each file's name is written to ``now.txt`` before
it is read; ``result.json`` gets what became of each kind, and every failure.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from imgae_monai.data import read_image
from imgae_monai.exceptions import InputError
from tests.data.medical_files import dicom, jpeg, nifti, rle, with_gdcm

SIDE = (40, 48)
LARGEST = 100_000_000  # pixels that a damaged header may still claim
SLOWEST_S = 10.0
VOLUME_SUFFIXES = (".nii", ".nii.gz", ".npy")


def whole_files(folder: Path) -> dict[str, tuple[Path, str]]:
    """A readable file of each kind, and what stands behind its path in a data list."""
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(SIDE[0]) * 37, np.arange(SIDE[1]) * 53)
    grey, deep = (smooth % 256).astype(np.uint8), (smooth % 4096).astype(np.uint16)
    volume = rng.integers(0, 1000, (12, 10, 8)).astype(np.int16)
    twelve = {"BitsStored": 12, "WindowCenter": 2000, "WindowWidth": 3000}
    for name, array in (("grey.png", grey), ("deep.png", deep), ("grey.jpg", grey), ("grey.bmp", grey)):
        Image.fromarray(array).save(folder / name)
    Image.fromarray(np.stack([grey, grey.T.reshape(SIDE), 255 - grey, grey], -1)).save(folder / "rgba.png")
    np.save(folder / "rows.npy", grey)
    files = {
        **{path.name: (path, "") for path in sorted(folder.iterdir())},
        "raw.dcm": (dicom(folder / "raw.dcm", deep, RescaleSlope=2, RescaleIntercept=-100, **twelve), ""),
        "rle.dcm": (rle(dicom(folder / "rle.dcm", deep, "MONOCHROME1", **twelve)), ""),
        "jpeg.dcm": (jpeg(dicom(folder / "jpeg.dcm", grey), "JPEG"), ""),
        "jpeg2000.dcm": (jpeg(dicom(folder / "jpeg2000.dcm", deep), "JPEG2000"), ""),
        "lossless.dcm": (with_gdcm(dicom(folder / "lossless.dcm", deep, **twelve), "JPEGLosslessProcess14_1"), ""),
        "ls.dcm": (with_gdcm(dicom(folder / "ls.dcm", deep, **twelve), "JPEGLSLossless"), ""),
        "plain.nii": (nifti(folder / "plain.nii", volume), ""),
        "slice.nii": (nifti(folder / "slice.nii", volume), "#1/3"),
        "packed.nii.gz": (nifti(folder / "packed.nii.gz", volume, np.diag([-2.0, 1, 1, 1])), "#2/4"),
        "table.arrow": (arrow_table(folder / "table.arrow", (folder / "grey.png").read_bytes()), "#1/image"),
    }
    for path, fragment in files.values():
        read_image(f"{path}{fragment}")
    return files


def arrow_table(path: Path, picture: bytes) -> Path:
    import pyarrow as pa

    table = pa.table({"image": [{"bytes": picture, "path": None}] * 3, "label": [0, 1, 0]})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return path


def damage(content: bytes, rng: random.Random) -> bytes:
    """Cut off, or with one to twenty bits flipped (half of the time near the start), or with a stretch of zeros."""
    kind = rng.random()
    if kind < 0.3:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    start = rng.randrange(len(content))
    if kind < 0.4:
        changed[start : start + 40] = bytes(len(changed[start : start + 40]))
        return bytes(changed)
    reach = min(len(content), 600) if rng.random() < 0.5 else len(content)
    for _ in range(rng.choice((1, 2, 5, 20))):
        changed[rng.randrange(reach)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def outcome(path: Path, reference: str) -> str:
    """``"read"``, ``"refused"``, or what went wrong."""
    try:
        image = read_image(reference)
    except InputError as e:
        return "refused" if str(path) in str(e) else f"refused without its name: {e}"
    except Exception as e:  # the very thing that is looked for
        return f"{type(e).__name__}: {e}"
    axes = (2, 3) if path.name.endswith(VOLUME_SUFFIXES) else (2,)
    if image.dtype != np.float32 or image.ndim not in axes or not 0 < image.size <= LARGEST:
        return f"odd image: {image.dtype} {image.shape}"
    return "read" if np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1 else "values outside [0, 1]"


def main(folder: Path, n_files: int, seed: int) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    files = sorted(whole_files(folder).items())
    rng = random.Random(seed)
    counts = {name: Counter[str]() for name, _ in files}
    failures, slowest = [], 0.0
    for index in range(n_files):
        name, (whole, fragment) = files[index % len(files)]
        path = folder / "damaged" / f"{index}_{name}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(damage(whole.read_bytes(), rng))
        (folder / "now.txt").write_text(str(path), encoding="utf-8")
        start = time.perf_counter()
        found = outcome(path, f"{path}{fragment}")
        seconds = time.perf_counter() - start
        slowest = max(slowest, seconds)
        if found not in ("read", "refused") or seconds > SLOWEST_S:
            failures.append(f"{path}: {found} after {seconds:.1f} s")
        else:
            path.unlink()
        counts[name][found if found in ("read", "refused") else "failed"] += 1
    result = {"counts": counts, "failures": failures, "slowest_s": slowest}
    (folder / "result.json").write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

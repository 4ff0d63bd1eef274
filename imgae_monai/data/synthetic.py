"""The built-in data set: chest phantoms in a folder tree, for demonstrations and tests without patient data."""

from __future__ import annotations

import csv
import difflib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from monai.config import PathLike
from numpy.random import Generator, SeedSequence
from PIL import Image

from imgae_monai.data.phantom import FINDINGS, VIEWS, chest_phantom
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

__all__ = ["parse_synthetic_uri", "synthetic_folder", "write_synthetic_dataset"]

GENERATOR_VERSION = 1  # raise it with every change of a pixel or of a file: caches are told apart by it
MARKER = "synthetic.json"
MANIFEST = "manifest.csv"
NOTICE = (
    "These are drawn phantoms, not patients: no figure that is measured on them says anything about patients, "
    "and the ids, ages and sexes belong to nobody."
)
DEFAULTS = {"size": 128, "n_train": 160, "n_val": 40, "n_test_normal": 40, "n_test_abnormal": 40, "seed": 0}
_MINIMUM = {"size": 32, "seed": 0}  # 1 for the counts
_COLUMNS = ("file", "split", "label", "patient_id", "view", "sex", "age", "finding")
_GROUPS = (("train", "normal"), ("val", "normal"), ("test", "normal"), ("test", "abnormal"))


def write_synthetic_dataset(
    folder: PathLike,
    size: int = 128,
    n_train: int = 160,
    n_val: int = 40,
    n_test_normal: int = 40,
    n_test_abnormal: int = 40,
    seed: int = 0,
) -> Path:
    """
    Write a set of chest phantoms: 8-bit grey PNGs in ``train/normal``, ``val/normal``, ``test/normal`` and
    ``test/abnormal``, lesion masks (0 or 255) under the same names in ``masks/test/abnormal``, ``manifest.csv`` (file,
    split, label, patient_id, view, sex, age, finding) and the marker ``synthetic.json``.

    The same arguments give the same bytes. Each image has a generator of its own, so that a count changes no image of
    another split. A third of the patients have two images, of one build and one finding; no patient is in two splits.
    The folder appears at once and complete; one that already holds this very set is returned untouched.

    Args:
        folder: where to write; absent, empty, or holding the set of these arguments.
        size: height and width in pixels, at least 32.
        n_train: normal training images, at least 1.
        n_val: normal validation images, at least 1.
        n_test_normal: normal test images, at least 1.
        n_test_abnormal: abnormal test images, at least 1, the findings in turn by patient.
        seed: seed of the set, at least 0.

    Returns:
        the folder.

    Raises:
        InputError: (a ``ValueError``) when an argument is out of range, or the folder holds anything else.

    Example:
        >>> folder = write_synthetic_dataset(tempfile.mkdtemp(), size=32, n_train=2, n_val=1, n_test_normal=1,
        ...                                  n_test_abnormal=1)
        >>> sorted(path.name for path in folder.iterdir())
        ['manifest.csv', 'masks', 'synthetic.json', 'test', 'train', 'val']
    """
    parameters = {
        "size": size,
        "n_train": n_train,
        "n_val": n_val,
        "n_test_normal": n_test_normal,
        "n_test_abnormal": n_test_abnormal,
        "seed": seed,
    }
    _check_range(parameters)
    target = Path(folder).expanduser().absolute()
    if _holds(target, parameters):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        draft = Path(scratch) / target.name
        _write(draft, parameters)
        try:
            draft.rename(target)
        except OSError:  # another process may have written the same set meanwhile
            if not _holds(target, parameters):
                raise
    return target


def parse_synthetic_uri(uri: str) -> dict[str, int]:
    """
    Read ``synthetic://`` or ``synthetic://?size=64&n_train=50&seed=3``.

    Args:
        uri: the address; its keys are the arguments of :py:func:`write_synthetic_dataset`.

    Returns:
        all those arguments but ``folder``, with their defaults where the address doesn't say.

    Raises:
        InputError: (a ``ValueError``) when the address has another form, a key is unknown or given twice, or a value is
            no integer or out of range.

    Example:
        >>> parse_synthetic_uri("synthetic://?size=64&seed=3")["n_train"]
        160
    """
    parts = urlsplit(uri)
    if not uri.startswith("synthetic://") or parts.netloc or parts.path or parts.fragment:
        raise InputError(f"expected synthetic:// or synthetic://?size=64&n_train=50&seed=3, got {uri!r}")
    given: dict[str, int] = {}
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key not in DEFAULTS:
            near = difflib.get_close_matches(key, DEFAULTS, n=1, cutoff=0.0)[0]
            raise InputError(f"unknown key {key!r} in {uri!r}, did you mean {near!r}? Keys: {', '.join(DEFAULTS)}")
        if key in given:
            raise InputError(f"key {key!r} is given twice in {uri!r}")
        try:
            given[key] = int(value)
        except ValueError:
            raise InputError(f"{key} must be an integer, got {value!r} in {uri!r}") from None
    parameters = DEFAULTS | given
    _check_range(parameters)
    return parameters


def synthetic_folder(uri: str) -> Path:
    """
    Folder of the set that an address names, written on first use.

    It lies in ``$XDG_CACHE_HOME/imgae_monai`` (``~/.cache/imgae_monai`` without that variable), or, with a warning, in
    the machine's temporary folder where that can't be written; its name holds a hash of the parameters and of the
    generator's version.

    Args:
        uri: see :py:func:`parse_synthetic_uri`.

    Returns:
        the folder, complete.

    Raises:
        InputError: (a ``ValueError``) from :py:func:`parse_synthetic_uri`, or when the cached folder is damaged.

    Example:
        >>> folder = synthetic_folder("synthetic://?size=32&n_train=2&n_val=1&n_test_normal=1&n_test_abnormal=1")
        >>> (folder / "synthetic.json").is_file()
        True
    """
    parameters = parse_synthetic_uri(uri)
    digest = hashlib.sha256(json.dumps(_marker(parameters), sort_keys=True).encode()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "imgae_monai"
    try:
        return write_synthetic_dataset(cache / f"synthetic-{digest}", **parameters)
    except OSError as e:
        spare = Path(tempfile.gettempdir()) / f"imgae_monai-synthetic-{digest}"
        logger.warning("%s can't be used (%s): the synthetic data set goes to %s", cache, e, spare)
        return write_synthetic_dataset(spare, **parameters)


def _check_range(parameters: dict[str, int]) -> None:
    for key, value in parameters.items():
        least = _MINIMUM.get(key, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(f"{key} must be an integer of at least {least}, got {value!r}")


def _marker(parameters: dict[str, int]) -> dict[str, Any]:
    return {
        "generator": "imgae_monai.data.chest_phantom",
        "generator_version": GENERATOR_VERSION,
        "parameters": parameters,
        "notice": NOTICE,
    }


def _holds(folder: Path, parameters: dict[str, int]) -> bool:
    """Whether the folder holds this very set: False where it is absent or empty, an error where it holds another."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    expected = _marker(parameters)
    try:
        found = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise InputError(
            f"{folder} exists and is not a synthetic data set (no {MARKER}): name another folder"
        ) from None
    if found != expected:
        raise InputError(
            f"{folder} holds another synthetic data set: expected generator version {GENERATOR_VERSION} with "
            f"{parameters}, found {found}. Name another folder, or delete this one"
        )
    with open(folder / MANIFEST, newline="", encoding="utf-8") as f:
        lost = [row["file"] for row in csv.DictReader(f) if not (folder / row["file"]).is_file()]
    if lost:
        raise InputError(
            f"{folder} lacks {len(lost)} of its images, {lost[0]} first: delete the folder to draw it again"
        )
    return True


def _write(folder: Path, parameters: dict[str, int]) -> None:
    rows = []
    counts = [parameters[key] for key in ("n_train", "n_val", "n_test_normal", "n_test_abnormal")]
    for group, count in enumerate(counts):
        for row, image, mask in _draw(group, count, parameters["size"], parameters["seed"]):
            rows.append(row)
            _save(image, folder / row["file"])
            if row["label"] == "abnormal":
                _save(mask, folder / "masks" / row["file"])
    with open(folder / MANIFEST, "w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    (folder / MARKER).write_text(json.dumps(_marker(parameters), indent=2) + "\n", encoding="utf-8")


def _save(array: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(255 * array.astype(np.float32)).astype(np.uint8)).save(path)


def _generator(seed: int, *key: int) -> Generator:
    return np.random.default_rng(SeedSequence(seed, spawn_key=key))


def _draw(group: int, count: int, size: int, seed: int) -> Iterator[tuple[dict[str, Any], np.ndarray, np.ndarray]]:
    """Rows of the manifest with their image and mask; the generators depend on seed, group and index alone."""
    split, label = _GROUPS[group]
    for index, (patient, visit) in enumerate(_visits(group, count, seed)):
        person, rng = _generator(seed, group, 0, patient), _generator(seed, group, 1, index)
        sex, age = "FM"[person.integers(2)], int(person.integers(20, 90))
        view = VIEWS[int(rng.random() < 0.3)]
        findings = (FINDINGS[patient % len(FINDINGS)],) if label == "abnormal" else ()
        image, mask = chest_phantom(rng, size, findings, view=view, build_rng=person)
        patient_id = (
            f"S{len(_GROUPS) * patient + group + 1:05d}"  # interleaved: no count moves the ids of another split
        )
        row = {
            "file": f"{split}/{label}/{patient_id}_{visit}.png",
            "split": split,
            "label": label,
            "patient_id": patient_id,
            "view": view,
            "sex": sex,
            "age": age,
            "finding": findings[0] if findings else "No finding",
        }
        yield row, image, mask


def _visits(group: int, count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Patient and visit (0 or 1) of each image; one patient in three comes twice."""
    patient = 0
    while count > 0:
        visits = min(count, 1 + int(_generator(seed, group, 2, patient).random() < 1 / 3))
        yield from ((patient, visit) for visit in range(visits))
        patient, count = patient + 1, count - visits

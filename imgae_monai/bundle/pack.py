"""Make of a run the zip that others download."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import logging
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from monai.bundle import ConfigParser
from monai.config import PathLike

from imgae_monai.bundle.trained_on_synthetic import TRAINING_TOLD
from imgae_monai.cli.bundle_config import bundles_root
from imgae_monai.data.atomic_write import atomic_write
from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.engines.calibrator import calibration_path, load_calibration
from imgae_monai.engines.ensemble_members import ensemble_members
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

# what a run's configs say of the place where it was made, and what stands there instead
_OWN: dict[str, Any] = {
    "bundle_root": ".",
    "dataset_dir": "$@bundle_root + '/data'",
    "device": "$imgae_monai.engines.choose_device('auto')",
    "resume": False,
    "overwrite": False,
    "patient_pattern": None,
    "cache_dir": None,
    "lpips_weights": None,
    "mlflow_uri": None,
    "wandb_project": None,
}
# what may be told of a training: no path, no patient, no image
_TOLD = (
    *("bundle", "preset", "seed", "image_size", "synthetic", "notice", "data_counts", "finished", "epochs_run"),
    *("best_epoch", "best_val_loss", "federated", "checkpoint_sha256", "versions"),
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_VERSION = re.compile(r"_v\d+(\.\d+)*$")
# $@bundle_root + '/models', and a division, where the text holds no other text
_BELOW_THE_RUN = re.compile(r"@(?:bundle_root|ckpt_dir|output_dir) *\+ *(['\"])/[\w./-]*\1")
_DIVISION = re.compile(r"(?<=[\w)\]]) / (?=[\w(@])")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip knows; the same content makes the same bytes


def pack_bundle(run: PathLike, output: PathLike, overwrite: bool = False) -> list[str]:
    """Pack a run's configs, weights, calibrations, docs and licence, and nothing that tells whose images it saw.

    The zip holds one folder ``NAME``, as ``monai.bundle.download`` unpacks it and ``load`` looks for it. Left out are
    the data list (paths and patient ids), resume points, logs and every result. Ids of the configs that say where the
    run was made are set back; any other text there, key or value, that may be a path or an address (it holds a ``/`` or
    a backslash, or begins with ``~``) is refused, unless this package's own bundles have it or it lies below the run. A
    calibration keeps the SHA-256 of each validation image, by which who has the image can tell that it was among them.
    ``checksums.txt`` is of ``sha256sum``'s form. The same run makes the same bytes.

    Args:
        run: folder of a run.
        output: ``NAME.zip`` or ``NAME_v0.1.0.zip``.
        overwrite: replace a file that is there.

    Returns:
        names of what is in the zip.

    Raises:
        InputError: when the folder is no run with weights and a calibration of its score, the name can't be a
            bundle's, the file exists, or a config names a path.
    """
    run, output = Path(run).expanduser(), Path(output).expanduser()
    name = bundle_name(output)
    if output.exists() and not overwrite:
        raise InputError(f"{output} exists: give another name, or --overwrite to replace it")
    parts = {**_configs(run), **_models(run), **_docs(run)}
    sums = [f"{_sha256(content)}  {part}\n" for part, content in sorted(parts.items())]
    parts["checksums.txt"] = "".join(sums).encode()
    with atomic_write(output) as file, zipfile.ZipFile(file, "w") as archive:
        for part, content in sorted(parts.items()):
            entry = zipfile.ZipInfo(f"{name}/{part}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            entry.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size
            with archive.open(entry, "w") as target, _opened(content) as source:
                shutil.copyfileobj(source, target)
    return [f"{name}/{part}" for part in sorted(parts)]


def bundle_name(output: Path) -> str:
    """Name of the bundle in a zip, by the zip's own without a version at its end.

    Raises:
        InputError: when it is no name that MONAI takes for a bundle's folder.

    Example:
        >>> bundle_name(Path("chest_v0.2.0.zip"))
        'chest'
    """
    name = _VERSION.sub("", output.stem)
    if output.suffix != ".zip" or not _NAME.fullmatch(name) or re.search(r"_v\d", name):
        raise InputError(
            f"{output.name} should be NAME.zip or NAME_v0.1.0.zip, where NAME starts with a letter, goes on with "
            "letters, digits, _ and -, and holds no version"
        )
    return name


def _configs(run: Path) -> dict[str, bytes | Path]:
    folder = run / "configs"
    if not all((folder / name).is_file() for name in ("train.json", "inference.json", "metadata.json")):
        raise InputError(f"{run} is not a run: it lacks configs/train.json, inference.json or metadata.json")
    found: dict[str, bytes | Path] = {}
    for path in sorted(folder.glob("*.json")):
        config = json.loads(path.read_text(encoding="utf-8"))
        if path.name != "metadata.json":  # which names sources
            config = {key: _OWN.get(key, value) for key, value in config.items()}
            if config.get("output_dir") is not None and path.name != "train.json":
                config["output_dir"] = "$@bundle_root + '/eval'"
            _refuse_places(f"configs/{path.name}", config)
        found[f"configs/{path.name}"] = json.dumps(config, indent=4).encode() + b"\n"
    if (folder / "logging.conf").is_file():
        found["configs/logging.conf"] = folder / "logging.conf"
    return found


def _refuse_places(name: str, config: Mapping[str, Any]) -> None:
    for id, text in _texts(config):
        if _is_place(text) and text not in _published():
            raise InputError(
                f"{name} names a path or an address in {id}: {text!r}. It may tell of your data, so the run is not "
                "packed: set that id to what others can use"
            )


def _is_place(text: str) -> bool:
    if text.startswith("$") and ".." not in text:
        text = _BELOW_THE_RUN.sub("", text)
        if "'" not in text and '"' not in text:
            text = _DIVISION.sub("", text)
    return "/" in text or "\\" in text or text.lstrip().startswith("~")


@functools.cache
def _published() -> frozenset[str]:
    """Every text in the configs and presets that this package brings, and so no news."""
    files = (path for kind in ("*.json", "presets/*.yaml") for path in bundles_root().glob(f"*/configs/{kind}"))
    return frozenset(text for path in files for _, text in _texts(ConfigParser.load_config_file(str(path))))


def _texts(value: Any, id: str = "") -> Iterator[tuple[str, str]]:
    """Texts in a config, keys too, and the id that each is in."""
    if isinstance(value, str):
        yield id, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield id or str(key), str(key)
            yield from _texts(part, f"{id}#{key}" if id else str(key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _texts(part, f"{id}#{number}")


def _models(run: Path) -> dict[str, bytes | Path]:
    """Weights, and the calibrations that were made with them."""
    folder = run / "models"
    parser = ConfigParser(json.loads((run / "configs" / "inference.json").read_text(encoding="utf-8")))
    ensemble = int(parser.get("ensemble", 1))
    own = parser.get_parsed_content("score")
    load_calibration(folder, own, ensemble)
    if parser.get("lpips_weights"):
        logger.warning("lpips_weights is not packed: who uses the bundle gives the file again")
    weights = file_sha256(folder / "model.pt")
    found = [folder / "model.pt", *(ensemble_members(folder, ensemble) if ensemble > 1 else [])]
    for path in sorted(folder.glob("calibration-*.pt")):
        if path == calibration_path(folder, own) or _made_with(path, weights):
            found.append(path)
        else:
            logger.warning("%s is of other weights, or damaged: left out", path)
    return {f"models/{path.name}": path for path in found}


def _made_with(path: Path, weights: str) -> bool:
    import torch

    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        return bool(stored["checkpoint_sha256"] == weights)
    except Exception:  # bytes that are no calibration can raise nearly anything
        return False


def _docs(run: Path) -> dict[str, bytes | Path]:
    found: dict[str, bytes | Path] = {}
    for path in sorted((run / "docs").rglob("*")):
        if path.is_file():
            found[path.relative_to(run).as_posix()] = path
    if (run / "LICENSE").is_file():
        found["LICENSE"] = run / "LICENSE"
    record = run / "train.json"
    if record.is_file():
        stored = json.loads(record.read_text(encoding="utf-8"))
        told = {key: stored[key] for key in _TOLD if key in stored}
        found[TRAINING_TOLD] = json.dumps(told, indent=4).encode() + b"\n"
    return found


def _opened(content: bytes | Path) -> BinaryIO:
    return io.BytesIO(content) if isinstance(content, bytes) else open(content, "rb")


def _sha256(content: bytes | Path) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else file_sha256(content)

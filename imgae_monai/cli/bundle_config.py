"""Find a bundle, merge its config with a preset and overrides, and run it through MONAI's bundle API.

The only road from the command line to a network: everything a command does is an override of a bundle's config, and
what ran stands in the run's folder.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import shutil
import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from imgae_monai.cli.arguments import nearest
from imgae_monai.cli.run_metadata import run_metadata
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

# what inference.json has of its own: another source and purpose
_INFERENCE_OWN = ("imports", "dataset_dir", "output_dir", "device", "initialize", "run")

# what Python and MONAI say of a name that is not there
_GONE = re.compile(
    r"module '(imgae_monai[\w.]*)' has no attribute '(\w+)'|class or function path: '(imgae_monai[\w.]*)'"
)


def bundles_root() -> Path:
    """Folder of the bundles that come with the package (installed), or with the checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "bundles"
    return installed if installed.is_dir() else package.parent / "bundles"


def bundle_names() -> list[str]:
    """Names of the bundles that come with the package."""
    return sorted(p.parent.parent.name for p in bundles_root().glob("*/configs/train.json"))


def preset_names(bundle: Path) -> list[str]:
    """Names of a bundle's presets."""
    return sorted(p.stem for p in (bundle / "configs" / "presets").glob("*.yaml"))


def find_bundle(name_or_path: str) -> Path:
    """Folder of a bundle.

    Args:
        name_or_path: the name of a bundle that comes with the package, or the path of any other.

    Raises:
        InputError: when it is neither; names the nearest.
    """
    if name_or_path in bundle_names():
        return bundles_root() / name_or_path
    path = Path(name_or_path).expanduser()
    if (path / "configs" / "train.json").is_file():
        logger.warning("%s does not come with this package: its configs execute code, go on only if you trust it", path)
        return path.resolve()
    raise InputError(
        f"no bundle {name_or_path!r} (and no folder with configs/train.json): {nearest(name_or_path, bundle_names())}"
    )


def find_run(path: str) -> Path:
    """Folder of a run that ``train`` left.

    Raises:
        InputError: when there is none.
    """
    run = Path(path).expanduser()
    if not (run / "configs" / "train.json").is_file():
        raise InputError(f"{run} is not a run: it has no configs/train.json; make one with imgae-monai train")
    record = run / "train.json"
    if record.is_file() and not json.loads(record.read_text(encoding="utf-8")).get("finished"):
        logger.warning("%s was not trained to its end: imgae-monai train ... --resume goes on with it", run)
    return run.resolve()


def merge_config(files: Iterable[Path], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Merge config files and overrides, refusing an id that the files don't have.

    MONAI's runner accepts unknown overrides without a word (``--max_epoch 1`` would train the default number).

    Args:
        files: config files, later ones over earlier ones.
        overrides: id (``"epochs"``, ``"train#dataloader#shuffle"``) and value.

    Raises:
        InputError: when an id is unknown; names the nearest.
    """
    from monai.bundle import ConfigParser

    parser = ConfigParser(ConfigParser.load_config_files([str(f) for f in files]))
    for key in overrides:
        if key not in parser:
            raise InputError(f"no id {key!r} in the bundle's config: {nearest(key, _ids(parser.get()))}")
    parser.update(dict(overrides))
    return dict(parser.get())


def _ids(config: Any, prefix: str = "") -> list[str]:
    if not isinstance(config, dict):
        return []
    ids = []
    for key, value in config.items():
        ids.append(f"{prefix}{key}")
        if isinstance(value, dict) and "_target_" not in value and prefix.count("#") < 1:
            ids.extend(_ids(value, f"{prefix}{key}#"))
    return ids


def write_run(bundle: Path, run: Path, preset: str | None, overrides: Mapping[str, Any]) -> None:
    """Make a run's folder a bundle of its own: the config as it will run, for training, evaluation and inference.

    Args:
        bundle: folder of the bundle to train.
        run: folder of the run.
        preset: name of one of the bundle's presets, or None for ``train.json`` as it stands.
        overrides: id and value.

    Raises:
        InputError: when the preset or an id is unknown.
    """
    if preset is not None and preset not in preset_names(bundle):
        raise InputError(f"no preset {preset!r} in {bundle.name}: {nearest(preset, preset_names(bundle))}")
    configs = bundle / "configs"
    overlay = [] if preset is None else [configs / "presets" / f"{preset}.yaml"]
    train = merge_config([configs / "train.json", *overlay], overrides)
    inference = merge_config([configs / "inference.json"], {})
    inference |= {key: train[key] for key in inference if key in train and key not in _INFERENCE_OWN}
    inference |= _missing(inference, train)
    train["output_dir"] = "$@bundle_root"
    (run / "configs").mkdir(parents=True, exist_ok=True)
    overlays = [path.name for path in configs.glob("multi_gpu_*.json")]
    for name in ("evaluate.json", "logging.conf", *overlays):
        shutil.copyfile(configs / name, run / "configs" / name)
    metadata = run_metadata(json.loads((configs / "metadata.json").read_text(encoding="utf-8")), train)
    for name, config in (("train.json", train), ("inference.json", inference), ("metadata.json", metadata)):
        (run / "configs" / name).write_text(json.dumps(config, indent=4) + "\n", encoding="utf-8")
    if (bundle / "docs").is_dir():
        shutil.copytree(bundle / "docs", run / "docs", dirs_exist_ok=True)
    if (bundle / "LICENSE").is_file():
        shutil.copyfile(bundle / "LICENSE", run / "LICENSE")


def _missing(config: Mapping[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """Ids of another config that a config refers to and lacks, as those of a preset's network; theirs too."""
    from imgae_monai.engines.check_ids import references

    found: dict[str, Any] = {}
    while True:
        read = {id.partition("::")[0] for id in references({**config, **found})}
        new = {key: source[key] for key in sorted(read) if key in source and key not in config and key not in found}
        if not new:
            return found
        found |= new


def write_run_ids(run: Path, overrides: Mapping[str, Any]) -> None:
    """Change ids in a run's own training config, so that it stays the config as run."""
    path = run / "configs" / "train.json"
    # torch takes seconds to import
    from imgae_monai.data.atomic_write import atomic_write

    config = merge_config([path], overrides)
    with atomic_write(path) as file:
        file.write(json.dumps(config, indent=4).encode() + b"\n")


def run_bundle(files: Iterable[Path], overrides: Mapping[str, Any], run_id: str = "run") -> None:
    """Run one expression of a config through ``monai.bundle.run``, after a check of the overrides' ids.

    Args:
        files: config files, later ones over earlier ones.
        overrides: id and value.
        run_id: the expression to run.

    Raises:
        InputError: when an id is unknown, or a config of another version names what this one does not have.
    """
    from monai.bundle import run

    files = list(files)
    merge_config(files, overrides)
    # bundles log to standard output by their logging.conf; the command line has its own, see log_to
    for name in ("monai.bundle.workflows", "monai.bundle.scripts"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # five lines each time; find_bundle, the commands' help and the README say it once
        warnings.filterwarnings("ignore", message="parsing config_file")
        try:
            run(run_id=run_id, config_file=[str(f) for f in files], logging_file=False, **overrides)  # type: ignore[arg-type]
        except (AttributeError, ModuleNotFoundError, RuntimeError) as e:
            gone = _gone(e)
            if gone is None:
                raise
            names = ", ".join(map(str, files))
            raise InputError(
                f"this version of imgae_monai has no {gone}, which {names} asks for: it is of another version; "
                "use that one, or train anew"
            ) from e


def _gone(error: BaseException) -> str | None:
    """The name in this package that a config asked for in vain, or None."""
    step: BaseException | None = error
    while step is not None:
        found = _GONE.search(str(step)) if isinstance(step, AttributeError | ModuleNotFoundError) else None
        if found is not None:
            return found[3] or f"{found[1]}.{found[2]}"
        step = step.__cause__ or step.__context__
    return None


def _ours(record: logging.LogRecord) -> bool:
    return record.name.startswith("imgae_monai")


class _LogFile(logging.FileHandler):
    """A log that says once that it can't be written; logging's own prints a traceback for every line."""

    _refused = False

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._refused:
            self._refused = True
            logger.warning(
                "cannot write %s: %s; from here on lines are missing there", self.baseFilename, error.strerror
            )

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what could not be written can't be now
            super().close()


def log_to(path: Path | None = None) -> None:
    """Log warnings, and what this package reports, to standard error; everything to a file if one is given."""
    console = logging.StreamHandler()
    # engines log an exception's traceback before they raise it; main() explains it in one line
    console.addFilter(lambda r: (r.levelno >= logging.WARNING and not r.name.startswith("ignite.engine")) or _ours(r))
    console.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    handlers: list[logging.Handler] = [console]
    if path is not None:
        handlers.append(_LogFile(path, encoding="utf-8"))
        handlers[1].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)

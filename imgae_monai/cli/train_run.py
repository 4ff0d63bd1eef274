"""The run in a folder: start it, or go on with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from imgae_monai.cli.set_aside import set_aside

# what an --overwrite replaces is kept here until there are new weights
ASIDE = ".overwritten"

_START, _RESUME, _NOTHING = 0, 1, 2


def unfinished(run: Path) -> bool:
    """Whether a folder holds a run that did not come to its end."""
    record = run / "train.json"
    if not record.is_file():
        return (run / "train.log").is_file()  # it died in its first epoch
    return not json.loads(record.read_text(encoding="utf-8"))["finished"]


def _finished_epochs(run: Path) -> int:
    """Largest number of epochs of a run that has come to its end, also by early stopping; 0 where it has not."""
    record = run / "train.json"
    read = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
    return read.get("max_epochs", 0) if read.get("finished") else 0


def resume_run(run: Path, bundle: str, overrides: dict[str, Any], once: bool) -> None:
    """Go on with a run; ``once``: unless it has come to its end, and no more epochs are asked for."""
    from monai.bundle import ConfigParser

    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.engines import resume_points
    from imgae_monai.exceptions import InputError

    done = int(resume_points(run / "models")[0].stem.rpartition("=")[2])
    as_run = ConfigParser(bc.merge_config([bc.find_run(str(run)) / "configs" / "train.json"], {}))
    name = bc.merge_config([bc.find_bundle(bundle) / "configs" / "train.json"], {})["bundle_name"]
    fixed = {**overrides, "bundle_name": name}
    changed = sorted(k for k, v in fixed.items() if k != "epochs" and (k not in as_run or as_run[k] != v))
    if changed:
        raise InputError(f"{run} can only be resumed as it was started; different: {', '.join(changed)}")
    epochs = as_run["epochs"]
    if as_run.get("lr_schedule") == "cosine" and overrides.get("epochs", epochs) != epochs:
        raise InputError(
            f"{run} lowers its learning rate to 0 over {epochs} epochs (lr_schedule cosine): it can't be resumed with "
            f"{overrides['epochs']}; start a new run"
        )
    if overrides.get("epochs", done) < done:
        raise InputError(f"{run} has done {done} epochs already, epochs must not be fewer: got {overrides['epochs']}")
    if once and overrides.get("epochs", as_run["epochs"]) <= _finished_epochs(run):
        _agree(_NOTHING)
        return
    bc.write_run_ids(run, {key: value for key, value in overrides.items() if key == "epochs"})
    if (run / "models" / "model.pt").exists():
        shutil.rmtree(run / ASIDE, ignore_errors=True)  # an --overwrite was interrupted, but after it had weights
    bc.log_to(run / "train.log")
    run_together(run, resume=True)


def start_run(
    run: Path, bundle: str, preset: str | None, overrides: dict[str, Any], overwrite: bool, again: bool
) -> None:
    """Start a run; ``again``: after one that died before its first resume point, which is not worth keeping."""
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.overrides import warn_of_map_only
    from imgae_monai.engines import check_run, holds_run
    from imgae_monai.engines.run_folder import EVALUATION_PARTS, RUN_PARTS
    from imgae_monai.engines.run_lock import LOCK_NAME
    from imgae_monai.exceptions import InputError

    folder = bc.find_bundle(bundle)
    held = holds_run(run / "models", run)
    if held and not overwrite:
        raise InputError(f"{run} already holds a run ({held}): --resume goes on with it, --overwrite starts anew")
    # what a start that failed before training left, as by a misspelt option, is no obstacle; a bundle is
    left = [path.name for path in run.iterdir()] if run.is_dir() else []
    if (left and not held and not {*left} <= {*RUN_PARTS, ".overwritten", LOCK_NAME}) or (
        run / "configs" / "presets"
    ).exists():
        raise InputError(f"{run} is neither empty nor a run: give another output")
    check_run(run / "models", run, overwrite=overwrite)
    aside = run / ASIDE
    if aside.exists() and not again:
        raise InputError(f"{aside} holds a run that an interrupted --overwrite replaced: move it away or delete it")
    with set_aside(run, [*RUN_PARTS, *EVALUATION_PARTS], aside):
        bc.write_run(folder, run, preset, overrides)
        bc.log_to(run / "train.log")
        warn_of_map_only(run, overrides)
        run_together(run, resume=False)


def run_together(run: Path, resume: bool = False) -> None:
    """Train. Of several processes each comes here: the others wait for the first one to make the folder ready.

    Args:
        run: folder of the run.
        resume: whether it goes on; what the first process says.
    """
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.processes import by_torchrun

    agreed = _agree(_RESUME if resume else _START)
    if agreed == _NOTHING:
        return
    names = ["train.json", *(["multi_gpu_train.json"] if by_torchrun() else [])]
    settings = {"bundle_root": str(run), "resume": agreed == _RESUME}
    bc.run_bundle([run / "configs" / name for name in names], settings)


def _agree(step: int) -> int:
    """What the first process is about to do, once it is; the others say that they would start."""
    from imgae_monai.engines import largest_everywhere, noticing_deaths

    with noticing_deaths():
        return largest_everywhere(step)

"""A site's run: made, trained by MONAI's federated client, given the weights of all, calibrated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigWorkflow
from monai.config import PathLike
from monai.fl.client import MonaiAlgo
from monai.fl.utils.constants import ExtraItems

from imgae_monai.data.atomic_write import atomic_write
from imgae_monai.engines.run_folder import check_run
from imgae_monai.exceptions import InputError
from imgae_monai.fl.site_calibrator import FEWEST, STEP, SiteCalibrator
from imgae_monai.handlers.training_record import TrainingRecord
from imgae_monai.transforms.calibration import Calibration

_RECORD = "train#handlers#2"
_CALIBRATOR = "calibrate#calibrator"


def prepare_site(
    bundle: str,
    run: PathLike,
    data: str,
    rounds: int,
    local_epochs: int = 1,
    preset: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Path:
    """Make the folder of a site's run, a bundle of its own, as ``imgae-monai train`` does.

    Its epochs are those of all rounds, so that the learning rate follows its schedule from the first round to the last,
    and it does not stop early, as sites would then train on for different numbers of epochs; nor is there an ensemble,
    whose members would be the site's own.

    Args:
        bundle: name of a bundle that comes with the package, or a path.
        run: folder to make; it may hold no run.
        data: the site's images, see ``imgae-monai train --help``.
        rounds: of the federation.
        local_epochs: epochs a round.
        preset: of the bundle.
        overrides: further ids of the bundle's config, the same at all sites but for those of data and machine.

    Returns:
        the folder.

    Raises:
        InputError: when the folder holds a run, or an id or preset is unknown, or an id is set that follows from the
            others.
    """
    from imgae_monai.cli.bundle_config import find_bundle, write_run
    from imgae_monai.cli.train import RUN_OWN

    run = Path(run).expanduser().resolve()
    epochs = rounds * local_epochs
    fixed = {"dataset_dir": str(data), "epochs": epochs, "patience": epochs + 1, "ensemble": 1}
    settled = sorted({*fixed, *RUN_OWN} & {*(overrides or {})})
    if settled:
        raise InputError(f"a site's {', '.join(settled)} can't be set: it follows from the federation")
    check_run(run / "models", run)
    write_run(find_bundle(bundle), run, preset, {**(overrides or {}), **fixed})
    return run


def load_client(run: PathLike, local_epochs: int = 1, name: str = "site") -> MonaiAlgo:
    """MONAI's federated client over a site's run, ready to ``train`` and ``evaluate``.

    A plain ``MonaiAlgo`` does the same with these arguments: ``bundle_root`` handed to the workflows, which it sets too
    late; ``evaluate`` the training config's validation (the loss of the weights of all on the site's normal validation
    images), as ``evaluate.json`` needs a calibration; and nothing written while it evaluates, since both workflows
    would keep their best weights in one file. Whole weights are sent rather than differences.

    Args:
        run: folder that :py:func:`prepare_site` made. Its configs execute code.
        local_epochs: epochs a round.
        name: of the site, for the log.

    Returns:
        initialised client.
    """
    root = str(Path(run).expanduser().resolve())
    client = MonaiAlgo(
        bundle_root=root,
        local_epochs=local_epochs,
        send_weight_diff=False,
        train_kwargs={"bundle_root": root},
        config_evaluate_filename="configs/train.json",
        eval_kwargs={"bundle_root": root, "validate#handlers": []},
    )
    client.initialize({ExtraItems.CLIENT_NAME: name})
    return client


def initial_weights(
    bundle: str, preset: str | None = None, overrides: Mapping[str, Any] | None = None
) -> dict[str, torch.Tensor]:
    """Weights that a federation starts from: those of the bundle's network before any training, by its seed.

    Args:
        bundle: as for :py:func:`prepare_site`, as the next.
        preset: as there.
        overrides: as there.

    Returns:
        state dict.
    """
    from imgae_monai.cli.bundle_config import find_bundle

    configs = find_bundle(bundle) / "configs"
    files = [configs / "train.json", *([configs / "presets" / f"{preset}.yaml"] if preset else [])]
    settings = {"meta_file": None, "logging_file": False, "workflow_type": "train"}
    workflow = ConfigWorkflow([str(file) for file in files], **settings, **(overrides or {}))  # type: ignore[arg-type]
    workflow.initialize()
    return dict(workflow.network_def.state_dict())


def save_weights(run: PathLike, weights: Mapping[str, torch.Tensor]) -> Path:
    """Put the weights of all sites in the place of the site's own best ones.

    Args:
        run: the site's folder.
        weights: state dict, or arrays by name.

    Returns:
        path of ``models/model.pt``.
    """
    path = Path(run).expanduser().resolve() / "models" / "model.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        torch.save({name: torch.as_tensor(value).clone() for name, value in weights.items()}, file)
    return path


def site_calibrator(run: PathLike, step: float = STEP, fewest: int = FEWEST) -> SiteCalibrator:
    """The site's part in the calibration, with network, data and score of its run.

    Args:
        run: folder that holds the weights of all, see :py:func:`save_weights`.
        step: see :py:class:`SiteCalibrator`.
        fewest: as there.
    """
    root = Path(run).expanduser().resolve()
    workflow = ConfigWorkflow(
        config_file=str(root / "configs" / "train.json"),
        meta_file=None,
        logging_file=False,
        workflow_type="train",
        bundle_root=str(root),
        **{f"{_CALIBRATOR}#_target_": "imgae_monai.fl.SiteCalibrator"},
    )
    workflow.parser.update({f"{_CALIBRATOR}#step": step, f"{_CALIBRATOR}#fewest": fewest})
    workflow.initialize()
    workflow.parser.get_parsed_content("skipped_images").read_record(root / "train.json")
    calibrator = workflow.parser.get_parsed_content(_CALIBRATOR)
    if not isinstance(calibrator, SiteCalibrator):
        raise InputError(f"{root} is no run that can be calibrated: its config has no {_CALIBRATOR}")
    return calibrator


def finish_site(client: MonaiAlgo, calibration: Calibration) -> None:
    """Close the record of a site's training, so that its run is as any other.

    ``train.json`` then has ``federated``, the rounds and the epochs of each, and neither ``best_epoch`` nor
    ``best_val_loss``: these were of the site's own weights, which those of all have replaced.

    Args:
        client: that trained it.
        calibration: of all sites.
    """
    record: TrainingRecord = client.train_workflow.parser.get_parsed_content(_RECORD)  # type: ignore[union-attr]
    rounds = len(record.train_loss) // client.local_epochs
    record.finish(calibration, federated={"rounds": rounds, "local_epochs": client.local_epochs})
    client.finalize()

"""``imgae-monai deploy``."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgae_monai.exceptions import InputError

if TYPE_CHECKING:
    from imgae_monai.transforms import ScoreDefinition

# ids of a run's config that deploy.json refers to
_READ = {"score", "ensemble", "original_size", "lpips_weights", "ckpt_dir"}


def deploy(
    run: str,
    *,
    output: str,
    residual: str | None = None,
    residual_clahe: bool | None = None,
    smoothing_sigma: float | None = None,
    z_score: bool | None = None,
    reduction: str | None = None,
    top_fraction: float | None = None,
    two_sided: bool | None = None,
    combine: str | None = None,
    overwrite: bool = False,
) -> None:
    """Make a bundle of a run whose output MONAI Label and MONAI Deploy take: a mask, an 8-bit map and a record.

    MONAI Label takes the folder, MONAI Deploy the file models/model.ts in it. docs/deploy.md shows both.

    Args:
        run: folder that train left; its configs execute code, so use only runs that you trust.
        output: folder to make; its name is what MONAI Label lists.
        residual: l1, l2, ssim, ms_ssim, gms, features, gradient, reversed, or as below. Default as trained;
            or likelihood (learned variance), disagreement (ensemble). Another score wants imgae-monai calibrate first.
        residual_clahe: CLAHE of image and reconstruction before they are compared. Default as trained.
        smoothing_sigma: Gaussian over the signed residual, in pixels. Default as trained.
        z_score: standardise the map. Default as trained.
        reduction: mean, top or max. Default as trained.
        top_fraction: share of the pixels that top averages. Default as trained.
        two_sided: whether an image that is easier than normal ones is abnormal too. Default as trained.
        combine: names of scores to make one of, by commas, as ssim-mean,latent; none for none. Default as trained.
        overwrite: replace a bundle that the folder holds. Default false.
    """
    from imgae_monai.bundle import trained_on_synthetic
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.overrides import given, warn_of_map_only
    from imgae_monai.engines import check_writable

    folder = bc.find_run(run)
    target = Path(output).expanduser().resolve()
    _check_target(target, folder, overwrite)
    score = {"residual": residual, "residual_clahe": residual_clahe, "smoothing_sigma": smoothing_sigma}
    score |= {"z_score": z_score, "reduction": reduction, "top_fraction": top_fraction}
    score |= {"two_sided": two_sided, "combine": combine}
    overrides = given(**score)
    bc.log_to()
    warn_of_map_only(folder, overrides)
    overlay = json.loads((bc.bundles_root() / bc.bundle_names()[0] / "configs" / "deploy.json").read_text("utf-8"))
    formats = overlay.pop("_meta_")["network_data_format"]["outputs"]
    config = bc.merge_config([folder / "configs" / "inference.json"], overrides)
    if missing := _READ - config.keys():
        raise InputError(f"{run} was trained by a version whose configs have no {min(missing)}: train it again")
    config |= {**overlay, "trained_on_synthetic": trained_on_synthetic(folder)}
    files = _embed(folder, config)
    for place in (target.parent, target):
        check_writable(place)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as beside:
        new, old = Path(beside) / "new", Path(beside) / "old"
        script = _make(new, folder, files, config, formats)
        _put(new, target, old)
    print(f"MONAI Label:  {target}")
    if script is None:
        print("MONAI Deploy: none, as a TorchScript file does not hold the members of an ensemble")
    else:
        print(f"MONAI Deploy: {target / script}")


def _check_target(target: Path, run: Path, overwrite: bool) -> None:
    if target == run or run in target.parents or target in run.parents:
        raise InputError(f"--output {target} and the run {run} lie in one another: give a folder apart")
    if (target / "train.json").exists() or (target / "configs" / "train.json").exists():
        raise InputError(f"{target} holds a run: give another --output")
    inside = [name for name in ("configs", "models") if (target / name).exists()]
    if inside and not overwrite:
        raise InputError(
            f"{target} already holds {inside[0]}: give another --output, or --overwrite to replace a bundle"
        )
    if inside and not _is_deployed(target):
        raise InputError(f"{target} holds {inside[0]}, which imgae-monai deploy did not make: give another --output")


def _is_deployed(target: Path) -> bool:
    config = target / "configs" / "inference.json"
    return config.is_file() and "deploy_transforms" in json.loads(config.read_text(encoding="utf-8"))


def _embed(run: Path, config: dict[str, Any]) -> list[Path]:
    """Put the score's calibration into the config; return the files of the weights that it was checked to belong to."""
    from monai.bundle import ConfigParser

    from imgae_monai.engines import embed_calibration, ensemble_members

    parser = ConfigParser({**config, "bundle_root": str(run)})
    ckpt_dir, score, n_members = (parser.get_parsed_content(key) for key in ("ckpt_dir", "score", "ensemble"))
    _check_no_lpips(score)
    config["lpips_weights"] = None  # a path that nothing of this score reads
    config["calibration"] = embed_calibration(ckpt_dir, score, n_members)
    return [Path(ckpt_dir) / "model.pt", *([] if n_members == 1 else ensemble_members(ckpt_dir, n_members))]


def _check_no_lpips(score: ScoreDefinition) -> None:
    from imgae_monai.transforms.score_definition import CODES, ScoreDefinition

    named = [ScoreDefinition.parse(name).residual for name in score.components if name not in CODES]
    if found := sorted({score.residual, *named} & {"lpips", "reversed_lpips"}):
        raise InputError(
            f"the score {score.name} takes {found[0]}, whose weights are a file of their own, and MONAI Label and "
            "Deploy carry no third file: choose another --residual (or --combine), or imgae-monai export"
        )


def _make(
    target: Path, run: Path, files: Sequence[Path], config: Mapping[str, Any], formats: Mapping[str, Any]
) -> Path | None:
    """Write the bundle; return where in it the TorchScript file is, None where there is none."""
    for name in ("configs", "models"):
        (target / name).mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, target / "models" / file.name)
    _write_configs(run, target, config, formats)
    return None if len(files) > 1 else _export(target).relative_to(target)


def _put(new: Path, target: Path, old: Path) -> None:
    """Move what was made to its place, and what it replaces out of the way; that comes back where it fails."""
    old.mkdir()
    try:
        for path in sorted(new.iterdir()):
            if (target / path.name).exists():
                shutil.move(target / path.name, old / path.name)
            shutil.move(path, target / path.name)
    except BaseException:
        for path in old.iterdir():
            shutil.rmtree(target / path.name, ignore_errors=True)
            shutil.move(path, target / path.name)
        raise


def _write_configs(run: Path, target: Path, config: Mapping[str, Any], formats: Mapping[str, Any]) -> None:
    metadata = json.loads((run / "configs" / "metadata.json").read_text(encoding="utf-8"))
    formats_in_and_out = metadata["network_data_format"]
    formats_in_and_out["inputs"]["image"]["spatial_shape"] = [config["image_size"]] * config["spatial_dims"]
    formats_in_and_out["outputs"] = dict(formats)
    for name, content in (("inference.json", config), ("metadata.json", metadata)):
        (target / "configs" / name).write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")
    for name in ("configs/logging.conf", "LICENSE"):
        if (run / name).is_file():
            shutil.copyfile(run / name, target / name)


def _export(target: Path) -> Path:
    """As ``python -m monai.bundle ckpt_export network_def`` does."""
    import warnings

    from monai.bundle import ckpt_export

    from imgae_monai.export.without_paths import torchscript_without_paths

    configs, script = target / "configs", target / "models" / "model.ts"
    logging.getLogger("monai.bundle.scripts").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="parsing config_file")
        ckpt_export(
            net_id="network_def",
            filepath=str(script),
            ckpt_file=str(target / "models" / "model.pt"),
            meta_file=str(configs / "metadata.json"),
            config_file=str(configs / "inference.json"),
            bundle_root=str(target),
        )
    script.write_bytes(torchscript_without_paths(script.read_bytes()))
    return script

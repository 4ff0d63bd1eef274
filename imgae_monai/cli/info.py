"""``imgae-monai info``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


def info(
    bundle: str | None = None,
    *,
    preset: str | None = None,
    image_size: int | None = None,
    batch_size: int | None = None,
    measure: bool = False,
    images: int | None = None,
    epochs: int | None = None,
    device: str | None = None,
    json: str | None = None,
) -> None:
    """List bundles and presets: parameters, operations an image, and what they take on this machine.

    GFLOP counts the convolutions and matrix products of one image's way through the network, a multiply-add as two.
    Measured, one preset after the other, each in a process of its own with random weights and images: time and memory
    to score a batch and to train by one. Reading images, making the score and validation are left out.

    Args:
        bundle: name or path of one bundle. Default all that come with the package.
        preset: one preset. Default all.
        image_size: pixels a side. Default the preset's.
        batch_size: images a step. Default the preset's.
        measure: measure time and memory, some seconds a small preset, minutes a large one. Default false.
        images: estimate the time of a training on so many images; measures. Default none.
        epochs: of that training. Default the preset's.
        device: cpu, cuda, cuda:1, mps, or auto. Default auto (CUDA, else MPS, else CPU).
        json: file for the same as JSON. Default none.
    """
    from imgae_monai import __version__
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.arguments import nearest
    from imgae_monai.cli.info_table import print_notes, print_table
    from imgae_monai.exceptions import InputError

    for name, value in (("image_size", image_size), ("batch_size", batch_size), ("images", images), ("epochs", epochs)):
        if value is not None and value < 1:
            raise InputError(f"--{name} must be at least 1, got {value}")
    target = _target(json)
    folders = [bc.find_bundle(name) for name in ([bundle] if bundle else bc.bundle_names())]
    known = {name for folder in folders for name in bc.preset_names(folder)}
    if preset is not None and preset not in known:
        raise InputError(f"no preset {preset!r}: {nearest(preset, known)}")
    changed = {"image_size": image_size, "batch_size": batch_size, "epochs": epochs}
    overrides = {key: value for key, value in changed.items() if value is not None}
    measured = (device or "auto") if measure or images is not None else None
    load = _load()
    print(f"imgae_monai {__version__}, bundles in {bc.bundles_root()}")
    rows: list[dict[str, Any]] = []
    for folder in folders:
        of_bundle = []
        for name in bc.preset_names(folder):
            if preset in (None, name):
                files = [folder / "configs" / "train.json", folder / "configs" / "presets" / f"{name}.yaml"]
                config = bc.merge_config(files, overrides)
                of_bundle.append({"bundle": folder.name, "preset": name, **_row(config, measured, images), **load})
        if of_bundle:
            print(f"\n{_title(folder)}")
            print_table(of_bundle)
        rows += of_bundle
    print_notes(rows)
    if target is not None:
        _write(target, rows)


def _load() -> dict[str, float]:
    """How busy the machine is with other programs, before anything is measured."""
    import psutil

    return {"load_before": psutil.getloadavg()[0], "n_processors": psutil.cpu_count() or 1}


def _title(folder: Path) -> str:
    import json

    metadata = json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8"))
    return f"{folder.name} {metadata['version']}: {metadata['task']}"


def _row(config: Mapping[str, Any], device: str | None, images: int | None) -> dict[str, Any]:
    """Figures of one preset; ``refused`` says why some are missing."""
    import copy
    import math

    import torch
    from monai.bundle import ConfigParser

    from imgae_monai.engines import forward_flops, measure_preset
    from imgae_monai.exceptions import InputError

    parser = ConfigParser(copy.deepcopy(dict(config)))
    row = {key: parser.get_parsed_content(key) for key in ("image_size", "batch_size", "latent_size", "epochs")}
    try:
        with torch.device("meta"):
            network = parser.get_parsed_content("network_def")
        shape = [1, *[row["image_size"]] * parser.get_parsed_content("spatial_dims")]
        row |= {"parameters": sum(p.numel() for p in network.parameters()), "flops": forward_flops(network, shape)}
    except (RuntimeError, ValueError) as e:  # MONAI's, of an error that the network raised: a size that does not fit
        return {**row, "refused": str(_first(e))}
    if device is None:
        return row
    try:
        row |= measure_preset(config, device)
    except InputError as e:
        return {**row, "refused": str(e)}
    if images is not None:
        steps = math.ceil(images / row["batch_size"]) * row["epochs"]
        row |= {"images": images, "estimated_seconds": steps * row["train_seconds"]}
    return row


def _first(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _target(path: str | None) -> Path | None:
    from imgae_monai.engines import check_writable

    if path is None:
        return None
    target = Path(path).expanduser().resolve()
    check_writable(target.parent)
    return target


def _write(target: Path, rows: list[dict[str, Any]]) -> None:
    import json

    from imgae_monai.data.atomic_write import atomic_write

    with atomic_write(target) as file:
        file.write(json.dumps(rows, indent=4).encode() + b"\n")
    print(f"\nas JSON: {target}")

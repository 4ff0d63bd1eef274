"""What ``imgae-monai evaluate`` prints of localisation and of scores without a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FIGURES = {
    "pixel_auroc": "pixel AUROC",
    "pixel_average_precision": "pixel AP",
    "aupro": "AUPRO",
    "best_dice_optimistic": "best Dice*",
    "pointing_game": "pointing game",
    "iou": "IoU",
}


def format_interval(value: float | None, interval: list[float] | None) -> str:
    """``0.812 [0.790, 0.833]``, or ``undefined``."""
    if value is None:
        return "undefined"
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def localization_lines(metrics: Mapping[str, Any]) -> list[str]:
    """The localisation table and its verdict; nothing where no region is known.

    Args:
        metrics: ``metrics.json``.
    """
    found = metrics.get("localization")
    if not found:
        return []
    lines = [
        f"localisation: {found['n_regions']} of {found['n_images']} annotated images with a region in view, of "
        f"{found['n_patients']} patients",
        f"  {'':16}{'model':24}{'centre prior':24}difference",
    ]
    for name, shown in _FIGURES.items():
        cells = [format_interval(found[s][name], found[s][f"{name}_ci95"]) for s in ("model", "center_prior")]
        difference, interval = found["difference"][name]["difference"], found["difference"][name]["interval"]
        signed = "undefined" if difference is None else f"{difference:+.3f}"
        signed += f" [{interval[0]:+.3f}, {interval[1]:+.3f}]" if interval else ""
        lines.append(f"  {shown:16}{cells[0]:24}{cells[1]:24}{signed}")
    lines.append("  * optimistic, uses test labels: at the best threshold on these very regions")
    threshold = "" if found["threshold"] is None else f"{found['threshold']:.6g} "
    lines.append(f"  threshold of a pixel, for the IoU: {threshold}({found['threshold_source']})")
    for group in found["by_finding"]:
        lines.append(f"  {group['finding']} ({group['n_images']} images): {group['verdict']}")
    return [*lines, found["verdict"]]


def no_model_lines(metrics: Mapping[str, Any]) -> list[str]:
    """The scores that need no model, the strongest first; where they were not measured, one line with the reason.

    Args:
        metrics: ``metrics.json``.
    """
    if "no_model" not in metrics:  # of an earlier version
        return []
    found = metrics["no_model"]
    if not found:
        return [f"without a model: not measured ({metrics.get('no_model_reason')})"]
    lines = ["without a model, AUROC either way round*"]
    for score in found["scores"]:
        interval = format_interval(score["strength"], score["strength_interval"])
        lines.append(f"  {interval:24}{score['name']}: {score['explanation']}")
    against = found["against_best"]
    lines.append("  * optimistic, uses test labels, to the model's loss: the sign, and which is the best")
    if against["difference"] is not None:
        signed = f"{against['difference']:+.3f}"
        signed += " [{:+.3f}, {:+.3f}]".format(*against["interval"]) if against["interval"] else ""
        lines.append(f"  the model's AUROC minus that of {found['best']}: {signed}")
    return lines

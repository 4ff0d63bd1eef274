"""Lines about presets, at most 120 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_PLAIN = f"  {'preset':14}{'pixels':>7}{'batch':>6}{'latent':>7}{'parameters':>13}{'GFLOP':>8}"
_MEASURED = f"{'score: img/s':>14}{'MB':>8}{'train: s/step':>15}{'MB':>8}"


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Args: rows: of one bundle, as ``imgae-monai info`` makes them."""
    measured = any("train_seconds" in row for row in rows)
    estimated = any("estimated_seconds" in row for row in rows)
    print(_PLAIN + _MEASURED * measured + f"{'training':>13}" * estimated)
    for row in rows:
        print(_line(row))
        if "refused" in row:
            print(f"    {row['refused']}")


def print_notes(rows: Sequence[Mapping[str, Any]]) -> None:
    """What the columns mean."""
    print("\nGFLOP: one image through the network, convolutions and matrix products, a multiply-add as two")
    measured = next((row for row in rows if "train_seconds" in row), None)
    if measured is not None:
        print(f"measured on {measured['device']} ({measured['device_name']}), {measured['n_threads']} thread(s), now:")
        print("  batches of random images; memory beyond the libraries'. Reading images and the score are not in it")
    estimated = next((row for row in rows if "estimated_seconds" in row), None)
    if estimated is not None:
        epochs = sorted({row["epochs"] for row in rows if "estimated_seconds" in row})
        shown = " or ".join(map(str, epochs))
        print(f"training: ESTIMATE for {estimated['images']} images and {shown} epochs, steps alone, no early stop")


def _line(row: Mapping[str, Any]) -> str:
    line = f"  {row['preset']:14}{row['image_size']:>7}{row['batch_size']:>6}{row['latent_size']:>7}"
    if "parameters" in row:
        line += f"{row['parameters']:>13,}{row['flops'] / 1e9:>8.3f}"
    if "train_seconds" in row:
        line += f"{row['batch_size'] / row['predict_seconds']:>14.1f}{row['predict_mb']:>8.0f}"
        line += f"{row['train_seconds']:>15.3f}{row['train_mb']:>8.0f}"
    if "estimated_seconds" in row:
        line += f"{_duration(row['estimated_seconds']):>13}"
    return line


def _duration(seconds: float) -> str:
    """Two figures, in the unit that reads best.

    Example:
        >>> _duration(42.4), _duration(300), _duration(9000), _duration(300000)
        ('42 s', '5.0 min', '2.5 h', '3.5 days')
    """
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}" if unit == 1 else f"{seconds / unit:.1f} {name}"
    return f"{seconds / 86400:.1f} days"

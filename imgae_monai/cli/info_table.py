"""Lines about presets, at most 120 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# names and widths of the columns
_PLAIN = {"pixels": 6, "batch": 5, "latent": 6, "parameters": 12, "GFLOP": 7}
_MEASURED = {"score: img/s": 13, "MB": 7, "train: s/step": 14, "MB ": 7}
_ESTIMATED = {"training": 12}
_COLUMNS = {**_PLAIN, **_MEASURED, **_ESTIMATED}


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Args: rows: of one bundle, as ``imgae-monai info`` makes them."""
    measured = any("train_seconds" in row for row in rows)
    estimated = any("estimated_seconds" in row for row in rows)
    names = [*_PLAIN, *(_MEASURED if measured else ()), *(_ESTIMATED if estimated else ())]
    print(_line("preset", [name.strip() for name in names]))
    for row in rows:
        print(_line(row["preset"], _cells(row)))
        if "refused" in row:
            print(f"    {row['refused']}")


def print_notes(rows: Sequence[Mapping[str, Any]]) -> None:
    """What the columns mean."""
    print("\nGFLOP: one image through the network, convolutions and matrix products, a multiply-add as two")
    measured = next((row for row in rows if "train_seconds" in row), None)
    if measured is not None:
        print(f"measured on {measured['device']} ({measured['device_name']}), {measured['n_threads']} thread(s), now:")
        print("  batches of random images; memory beyond the libraries'. Reading images and the score are not in it")
        if measured["load_before"] > measured["n_processors"] / 2:
            load = f"load {measured['load_before']:.1f} on {measured['n_processors']} processors"
            print(f"  other programs run here ({load}): alone it would be faster")
    estimated = next((row for row in rows if "estimated_seconds" in row), None)
    if estimated is not None:
        epochs = sorted({row["epochs"] for row in rows if "estimated_seconds" in row})
        shown = " or ".join(map(str, epochs))
        print(f"training: ESTIMATE for {estimated['images']} images and {shown} epochs, steps alone, no early stop")


def _line(preset: str, cells: Sequence[str]) -> str:
    """A cell that is too wide moves those after it."""
    return f"  {preset:14}" + "".join(
        f" {cell:>{width}}" for cell, width in zip(cells, _COLUMNS.values(), strict=False)
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    cells = [str(row[key]) for key in ("image_size", "batch_size", "latent_size")]
    if "parameters" in row:
        cells += [f"{row['parameters']:,}", f"{row['flops'] / 1e9:.3f}"]
    if "train_seconds" in row:
        cells += [f"{row['batch_size'] / row['predict_seconds']:.1f}", f"{row['predict_mb']:.0f}"]
        cells += [f"{row['train_seconds']:.3f}", f"{row['train_mb']:.0f}"]
    if "estimated_seconds" in row:
        cells.append(_duration(row["estimated_seconds"]))
    return cells


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

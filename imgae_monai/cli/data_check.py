"""``imgae-monai data check``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgae_monai.audit import Audit
    from imgae_monai.data import Source


def data_check(
    data: str,
    *,
    output: str | None = None,
    fix_list: str | None = None,
    normal_names: str = "normal",
    abnormal_names: str = "abnormal",
    patient_pattern: str | None = None,
    views: str | None = None,
    sexes: str | None = None,
    ages: str | None = None,
    findings: str | None = None,
    slice_axis: int | None = None,
    slice_fraction: float = 1.0,
    window: str = "auto",
    workers: int | None = None,
    n_components: int = 16,
    seed: int = 0,
    overwrite: bool = False,
) -> None:
    """Read every image and report what would falsify a study: faulty files, copies, leaks, label conflicts, shortcuts.

    The exit code is 1 where there are errors: training would refuse the data, or a figure would be wrong.

    Args:
        data: as for train: a folder, a file or an address; several by commas are tried in order. No streams.
        output: folder for report.json and report.html (one page with pictures of what is wrong). Default none.
        fix_list: file for a datalist without the faulty images, to be given to train as data. Default none.
        normal_names: names of the normal class's folders, separated by commas. Default normal.
        abnormal_names: names of the abnormal classes' folders, separated by commas. Default abnormal.
        patient_pattern: regular expression for the patient in a file's name; its first group counts. Default none.
        views: check images of these views only, as PA; separated by commas. Default none.
        sexes: check images of these sexes only, as F. Default none.
        ages: check images of patients of these years only, as 18-90. Default none.
        findings: of the abnormal images check those with any of these, by commas. Default none.
        slice_axis: turn NIfTI volumes into slices: 0 sagittal, 1 coronal, 2 axial. Default none (volumes stay whole).
        slice_fraction: share of each volume's slices to take, around the middle, 0 to 1. Default 1.0.
        window: grey range of DICOM and NIfTI: auto (a DICOM's own, else percentiles), percentile or full. Default auto.
        workers: processes that read. Default as many as there are processors.
        n_components: dimensions of the PCA among the scores without a model. Default 16.
        seed: seed of the intervals, and of the training images that the PCA sees. Default 0.
        overwrite: replace the files that are there. Default false.
    """
    from imgae_monai.audit import audit_source, format_audit
    from imgae_monai.audit.fix_list import check_new_file
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.overrides import data_sources, given
    from imgae_monai.engines import check_writable

    folder = Path(output).expanduser().resolve() if output else None
    fixed = Path(fix_list).expanduser().resolve() if fix_list else None
    for path in [*([folder / "report.json", folder / "report.html"] if folder else []), *([fixed] if fixed else [])]:
        check_new_file(path, overwrite)
        check_writable(path.parent)
    bc.log_to()
    names = {"normal_names": normal_names, "abnormal_names": abnormal_names}
    read = given(**names, patient_pattern=patient_pattern, slice_axis=slice_axis, slice_fraction=slice_fraction)
    filters = given(views=views, sexes=sexes, ages=ages, findings=findings)
    source = _read(data_sources(data), read, filters)
    audit = audit_source(source, window, workers, n_components, seed)
    print(format_audit(audit))
    removed = _write_fix_list(fixed, audit, overwrite) if fixed else None
    if folder:
        _write_report(folder, audit, window, fixed, removed)
    if audit.of("error"):
        sys.exit(1)


def _read(data: str | list[str], read: dict[str, Any], filters: dict[str, Any]) -> Source:
    import dataclasses

    from imgae_monai.data import filter_items, read_source
    from imgae_monai.exceptions import InputError

    source = read_source(data, **read)
    items = filter_items(source.items, **filters)
    if source.items and not items:
        raise InputError(f"{source.origin}: no image passes the filters (views, sexes, ages, findings)")
    return dataclasses.replace(source, items=items)


def _write_fix_list(path: Path, audit: Audit, overwrite: bool) -> dict[int, str]:
    from collections import Counter

    from imgae_monai.audit import write_fix_list

    removed = write_fix_list(path, audit, overwrite)
    tally = Counter((reason, audit.source.items[i]["split"]) for i, reason in removed.items())
    print(f"\n{len(audit.source.items) - len(removed)} images are in {path}; left out{':' if removed else ' are none'}")
    for (reason, split), n in sorted(tally.items()):
        print(f"  {n:6} of {split:6} {reason.replace('_', ' ')}")
    return removed


def _write_report(folder: Path, audit: Audit, window: str, fixed: Path | None, removed: dict[int, str] | None) -> None:
    import json

    from imgae_monai.audit import render_page

    report = audit.to_dict()
    if removed is not None:
        items = audit.source.items
        left_out = [
            {"image": items[i]["image"], "split": items[i]["split"], "reason": reason} for i, reason in removed.items()
        ]
        report["fix_list"] = {"file": str(fixed), "n_left_out": len(left_out), "left_out": left_out}
    (folder / "report.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    (folder / "report.html").write_text(render_page(audit, window), encoding="utf-8", errors="replace")
    print(f"\nreport: {folder / 'report.html'}")

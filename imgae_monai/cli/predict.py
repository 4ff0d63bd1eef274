"""``imgae-monai predict``."""

from __future__ import annotations

import sys
from pathlib import Path


def predict(
    run: str,
    *paths: str,
    output: str,
    residual: str | None = None,
    residual_clahe: bool | None = None,
    lpips_weights: str | None = None,
    smoothing_sigma: float | None = None,
    z_score: bool | None = None,
    reduction: str | None = None,
    top_fraction: float | None = None,
    two_sided: bool | None = None,
    combine: str | None = None,
    explain: str | None = None,
    table: str | None = None,
    part_size: int | None = None,
    unreadable: str | None = None,
    num_workers: int | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Score images and write a score, a decision, an anomaly map (PNG and NIfTI) and an overlay for each.

    A file that can't be read is named, and listed in refused.csv, and the rest goes on; the exit code is then 1. NIfTI
    volumes are sliced as in training, one row a slice.

    With table nothing but rows is written, in parts of a table under OUTPUT/parts. The same command goes on where it
    was stopped or killed, and torchrun may start it in several processes, which share the list:
    torchrun --nproc_per_node 2 -m imgae_monai predict RUN LIST --output DIR --table parquet

    Args:
        run: folder that train left; its configs execute code, so use only runs that you trust.
        paths: image files (PNG, JPEG, BMP, DICOM, NIfTI), folders of them, and lists: a MONAI datalist (.json), a table
            with a column image (.csv), or a path a line (.txt).
        output: folder for the results.
        residual: l1, l2, ssim, ms_ssim, gms, features, gradient, reversed, lpips, or as below. Default as trained;
            or reversed_lpips, likelihood (learned variance), disagreement (ensemble). Another
            score wants imgae-monai calibrate first.
        residual_clahe: CLAHE of image and reconstruction before they are compared. Default as trained.
        lpips_weights: file with the weights of LPIPS, for lpips and reversed_lpips only. Default as trained.
        smoothing_sigma: Gaussian over the signed residual, in pixels. Default as trained.
        z_score: standardise the map. Default as trained.
        reduction: mean, top or max. Default as trained.
        top_fraction: share of the pixels that top averages. Default as trained.
        two_sided: whether an image that is easier than normal ones is abnormal too. Default as trained.
        combine: names of scores to make one of, by commas, as ssim-mean,latent; none for none. Default as trained.
        explain: gradient, occlusion or both by commas: maps of where the score comes from, slow. Default none.
        table: csv or parquet: rows only, resumable, see above. Default predictions.csv with pictures.
        part_size: images a part of the table, a multiple of batch_size. Default 64 batches.
        unreadable: with table, an image that can't be read: fail (named) or row (without score). Default fail.
        num_workers: processes that load images. Default as trained.
        batch_size: images a step. Default as trained.
        device: cpu, cuda, cuda:1, mps, or auto, which logs why. Default auto (CUDA, else MPS, else CPU).
        overwrite: replace results that the folder holds; not with table. Default false.
    """
    import csv

    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.overrides import given, warn_of_map_only
    from imgae_monai.cli.predict_table import check_table_flags, device_of_rank, predict_table
    from imgae_monai.data import is_synthetic, split_readable
    from imgae_monai.data.datalist import SYNTHETIC_NOTICE
    from imgae_monai.engines import check_writable
    from imgae_monai.engines.score_parts import RECORD_NAME
    from imgae_monai.exceptions import InputError

    if not paths:
        raise InputError("no files given: imgae-monai predict RUN FILE_OR_FOLDER... --output DIR")
    check_table_flags(table, part_size=part_size, unreadable=unreadable, explain=explain, overwrite=overwrite)
    folder = bc.find_run(run)
    target = Path(output).expanduser().resolve()
    predictions = target / "predictions.csv"
    if predictions.exists() and not overwrite and table is None:
        raise InputError(f"{target} already holds predictions: give another --output, or --overwrite to replace them")
    if (target / RECORD_NAME).exists() and table is None:
        raise InputError(f"{target} holds parts of a table: give another --output, or --table to go on")
    score = {"residual": residual, "residual_clahe": residual_clahe, "smoothing_sigma": smoothing_sigma}
    score |= {"z_score": z_score, "reduction": reduction, "top_fraction": top_fraction}
    score |= {"two_sided": two_sided, "combine": combine, "lpips_weights": lpips_weights}
    overrides = given(**score, explain=explain, batch_size=batch_size, device=device_of_rank(device))
    overrides |= given(table=table, part_size=part_size, unreadable=unreadable, num_workers=num_workers)
    if explain is not None:
        from imgae_monai.explain import check_methods

        check_methods(overrides["explain"])
        if "explain" not in bc.merge_config([folder / "configs" / "inference.json"], {}):
            raise InputError(f"{run} was trained by a version that explains no scores: predict without --explain")
    bc.log_to()
    warn_of_map_only(folder, overrides)
    if table is not None:
        predict_table(folder, paths, target, overrides)
        return
    config = bc.merge_config([folder / "configs" / "inference.json"], overrides)
    # volumes that will be sliced may have any number of axes
    axes = config.get("spatial_dims") if config.get("slice_axis") is None else None
    readable, refused = split_readable(paths, config.get("window", "auto"), axes)
    check_writable(target)
    predictions.unlink(missing_ok=True)
    with open(target / "refused.csv", "w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows([("image", "reason"), *refused.items()])
    for reason in refused.values():
        print(f"refused: {reason}", file=sys.stderr)
    if any(is_synthetic(path) for path in readable):
        print(SYNTHETIC_NOTICE)
    n_scored = 0
    if readable:
        overrides |= {"dataset_dir": [str(Path(path).resolve()) for path in readable]}
        overrides |= {"bundle_root": str(folder), "output_dir": str(target)}
        bc.run_bundle([folder / "configs" / "inference.json"], overrides)
        with open(predictions, newline="", encoding="utf-8") as f:
            for row in csv.DictReader(f):
                n_scored += 1
                decision = "abnormal" if row["decision"] == "1" else "normal"
                print(
                    f"{decision:9}{float(row['score']):.6g} (threshold {float(row['threshold']):.6g})  {row['image']}"
                )
    print(f"{n_scored} scored, {len(refused)} refused; results: {target}")
    if refused:
        sys.exit(1)

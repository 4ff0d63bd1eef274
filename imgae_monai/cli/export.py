"""``imgae-monai export``."""

from __future__ import annotations

from pathlib import Path


def export(
    run: str,
    *,
    output: str,
    format: str | None = None,
    opset: int = 18,
    residual: str | None = None,
    residual_clahe: bool | None = None,
    lpips_weights: str | None = None,
    smoothing_sigma: float | None = None,
    z_score: bool | None = None,
    reduction: str | None = None,
    top_fraction: float | None = None,
    two_sided: bool | None = None,
    combine: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write network, score and calibration as one file that needs no imgae_monai: image in, score and map out.

    Before it is written, its scores and maps are compared with the run's own, and refused where they differ by more
    than 1e-4. docs/export.md tells how to use the file.

    Args:
        run: folder that train left; its configs execute code, so use only runs that you trust.
        output: file to write: .onnx, .ts (TorchScript) or .pt2 (torch.export).
        format: onnx, torchscript or torch_export. Default by the file's suffix.
        opset: version of ONNX's operators. Default 18.
        residual: l1, l2, ssim, ms_ssim, gms, features, reversed, lpips, or as below. Default as trained;
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
        overwrite: replace the file where it exists. Default false.
    """
    import tempfile

    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.overrides import given, warn_of_map_only
    from imgae_monai.data.atomic_write import atomic_write
    from imgae_monai.exceptions import InputError
    from imgae_monai.export.check import check_difference, compare, normal_images
    from imgae_monai.export.formats import format_of, scorer, to_bytes
    from imgae_monai.export.metadata import export_metadata
    from imgae_monai.export.trained_run import TrainedRun

    folder = bc.find_run(run)
    target = Path(output).expanduser().resolve()
    kind = format_of(target, format)
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(f"{target} is no file in a folder that exists: give --output FILE")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists: give another --output, or --overwrite to replace it")
    score = {"residual": residual, "residual_clahe": residual_clahe, "smoothing_sigma": smoothing_sigma}
    score |= {"z_score": z_score, "reduction": reduction, "top_fraction": top_fraction}
    score |= {"two_sided": two_sided, "combine": combine, "lpips_weights": lpips_weights}
    overrides = given(**score)
    bc.log_to()
    warn_of_map_only(folder, overrides)
    config = bc.merge_config([folder / "configs" / "inference.json"], overrides) | {"bundle_root": str(folder)}
    trained = TrainedRun(config)
    model, calibration = trained.model(), trained.calibration
    with tempfile.TemporaryDirectory() as drawn:
        images, what = normal_images(folder, trained.size, Path(drawn))
        expected = trained.score(images)
    metadata = export_metadata(folder, config, calibration)
    content = to_bytes(model, kind, expected.images[:2], metadata, opset)
    difference = compare(scorer(content, kind), expected, calibration.threshold, calibration.map_limit)
    check_difference(difference)
    with atomic_write(target) as file:
        file.write(content)
    if "notice" in metadata:
        print(metadata["notice"])
    print(f"score {calibration.score.name}, threshold {calibration.threshold:.6g}, {metadata['use']}")
    print(
        f"largest difference to predict over {difference.n_images} {what}: score {difference.score:.2g}, map "
        f"{difference.anomaly_map:.2g} (relative)"
    )
    print(f"{kind}, {len(content) / 1e6:.1f} MB: {target}")

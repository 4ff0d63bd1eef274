"""``imgae-monai evaluate`` and ``imgae-monai calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def evaluate(
    run: str,
    *,
    data: str | None = None,
    output: str | None = None,
    split: str | None = None,
    normal_names: str | None = None,
    abnormal_names: str | None = None,
    patient_pattern: str | None = None,
    views: str | None = None,
    sexes: str | None = None,
    ages: str | None = None,
    findings: str | None = None,
    residual: str | None = None,
    residual_clahe: bool | None = None,
    lpips_weights: str | None = None,
    smoothing_sigma: float | None = None,
    z_score: bool | None = None,
    reduction: str | None = None,
    top_fraction: float | None = None,
    two_sided: bool | None = None,
    combine: str | None = None,
    n_bootstrap: int | None = None,
    no_model: bool | None = None,
    batch_size: int | None = None,
    num_workers: int | None = None,
    device: str | None = None,
    overwrite: bool = False,
    set: dict[str, Any] | None = None,
) -> None:
    """Score labelled images with a trained run and write metrics.json, scores.csv and pictures.

    The threshold is the run's own, from normal validation images; the labels are used to count hits only. Images that
    the run was trained on are refused.

    Args:
        run: folder that train left; its configs execute code, so use only runs that you trust.
        data: as for train. Default the run's own data, whose test split it never saw.
        output: folder for the results. Default the run's folder.
        split: split to score: test; or val or train of data that the run never saw. Default test.
        normal_names: names of the normal class's folders, separated by commas. Default as trained.
        abnormal_names: names of the abnormal classes' folders, separated by commas. Default as trained.
        patient_pattern: regular expression for the patient in a file's name. Default as trained.
        views: keep images of these views only, as PA; separated by commas. Default as trained.
        sexes: keep images of these sexes only, as F. Default as trained.
        ages: keep images of patients of these years only, as 18-90. Default as trained.
        findings: of the abnormal images keep those with any of these, by commas. Default as trained.
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
        n_bootstrap: draws behind each 95 % interval. Default 10000.
        no_model: score the images without any model too, to compare. Default true.
        batch_size: images a step. Default as trained.
        num_workers: processes that load images. Default as trained.
        device: auto, cpu, cuda, cuda:1, mps. Default as trained.
        overwrite: replace results that the folder holds. Default false.
        set: any other id of the bundle's config, as "{'cache_rate': 0.5}" (default none).
    """
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.evaluation_table import print_evaluation
    from imgae_monai.cli.overrides import given, warn_of_map_only

    score = {"residual": residual, "residual_clahe": residual_clahe, "smoothing_sigma": smoothing_sigma}
    score |= {"z_score": z_score, "reduction": reduction, "top_fraction": top_fraction}
    score |= {"two_sided": two_sided, "combine": combine, "lpips_weights": lpips_weights}
    other = {"split": split, "n_bootstrap": n_bootstrap, "batch_size": batch_size, "num_workers": num_workers}
    other |= {"no_model": no_model}
    names = {"normal_names": normal_names, "abnormal_names": abnormal_names, "patient_pattern": patient_pattern}
    names |= {"views": views, "sexes": sexes, "ages": ages, "findings": findings}
    overrides = {**given(**score, **other, **names, device=device, dataset_dir=data), **(set or {})}
    folder = bc.find_run(run)
    target = Path(output).expanduser().resolve() if output else folder
    bc.log_to()
    warn_of_map_only(folder, overrides)
    evaluate_run(folder, target, overrides, overwrite)
    print_evaluation(target)


def evaluate_run(run: Path, target: Path, overrides: dict[str, Any], overwrite: bool) -> None:
    """Evaluate a run into a folder.

    Raises:
        InputError: when the folder holds results and ``overwrite`` is not set, or an id is unknown.
    """
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.engines import check_writable
    from imgae_monai.engines.run_folder import check_no_results

    # the writer checks both again, but only once the data have been read
    check_no_results(target, overwrite)
    check_writable(target)
    own = {"overwrite": overwrite, "bundle_root": str(run), "output_dir": str(target)}
    files = [run / "configs" / "train.json", run / "configs" / "evaluate.json"]
    bc.run_bundle(files, {**overrides, **own})


def calibrate(
    run: str,
    *,
    data: str | None = None,
    normal_names: str | None = None,
    abnormal_names: str | None = None,
    patient_pattern: str | None = None,
    views: str | None = None,
    sexes: str | None = None,
    ages: str | None = None,
    findings: str | None = None,
    residual: str | None = None,
    residual_clahe: bool | None = None,
    lpips_weights: str | None = None,
    smoothing_sigma: float | None = None,
    z_score: bool | None = None,
    reduction: str | None = None,
    top_fraction: float | None = None,
    two_sided: bool | None = None,
    combine: str | None = None,
    specificity: float | None = None,
    device: str | None = None,
) -> None:
    """Calibrate another score of a trained run on normal validation images.

    Training calibrates the score that it was given; evaluate and predict take any other once it has been calibrated.
    Each score has its own file in models/; the same score again replaces its file.

    Args:
        run: folder that train left; its configs execute code, so use only runs that you trust.
        data: as for train, with normal images in its validation split. Default the run's own.
        normal_names: names of the normal class's folders, separated by commas. Default as trained.
        abnormal_names: names of the abnormal classes' folders, separated by commas. Default as trained.
        patient_pattern: regular expression for the patient in a file's name. Default as trained.
        views: keep images of these views only, as PA; separated by commas. Default as trained.
        sexes: keep images of these sexes only, as F. Default as trained.
        ages: keep images of patients of these years only, as 18-90. Default as trained.
        findings: of the abnormal images keep those with any of these, by commas. Default as trained.
        residual: l1, l2, ssim, ms_ssim, gms, features, gradient, reversed, lpips, or as below. Default as trained;
            or reversed_lpips, likelihood (learned variance), disagreement (ensemble).
        residual_clahe: CLAHE of image and reconstruction before they are compared. Default as trained.
        lpips_weights: file with the weights of LPIPS, for lpips and reversed_lpips only. Default as trained.
        smoothing_sigma: Gaussian over the signed residual, in pixels. Default as trained.
        z_score: standardise the map. Default as trained.
        reduction: mean, top or max. Default as trained.
        top_fraction: share of the pixels that top averages. Default as trained.
        two_sided: whether an image that is easier than normal ones is abnormal too. Default as trained.
        combine: names of scores to make one of, by commas, as ssim-mean,latent; none for none. Default as trained.
        specificity: share of normal images to stay at or below the threshold. Default as trained.
        device: auto, cpu, cuda, cuda:1, mps. Default as trained.
    """
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.cli.overrides import given, warn_of_map_only

    score = {"residual": residual, "residual_clahe": residual_clahe, "smoothing_sigma": smoothing_sigma}
    score |= {"z_score": z_score, "reduction": reduction, "top_fraction": top_fraction}
    score |= {"two_sided": two_sided, "combine": combine, "lpips_weights": lpips_weights, "specificity": specificity}
    names = {"normal_names": normal_names, "abnormal_names": abnormal_names, "patient_pattern": patient_pattern}
    names |= {"views": views, "sexes": sexes, "ages": ages, "findings": findings}
    overrides = given(**score, **names, device=device, dataset_dir=data)
    folder = bc.find_run(run)
    bc.log_to()
    warn_of_map_only(folder, overrides)
    files = [folder / "configs" / "train.json"]
    bc.run_bundle(files, {**overrides, "bundle_root": str(folder)}, run_id="run_calibrate")

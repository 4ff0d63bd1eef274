"""``imgae-monai train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# the other parameters of train are ids of the bundle's config, by the same name
_NOT_KNOBS = ("bundle", "data", "output", "preset", "resume", "overwrite", "set")

# these follow from --output, --resume and --overwrite; a run whose weights lie elsewhere could not be kept safe
RUN_OWN = ("bundle_root", "ckpt_dir", "output_dir", "resume", "overwrite")


def train(
    bundle: str,
    *,
    data: str,
    output: str,
    preset: str | None = None,
    epochs: int | None = None,
    batch_size: str | None = None,
    accumulation_steps: int | None = None,
    optimizer_name: str | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    momentum: float | None = None,
    max_grad_norm: float | None = None,
    lr_schedule: str | None = None,
    warmup_epochs: int | None = None,
    lr_step: int | None = None,
    lr_factor: float | None = None,
    lr_patience: int | None = None,
    patience: int | None = None,
    min_delta: float | None = None,
    val_interval: int | None = None,
    save_interval: int | None = None,
    n_saved: int | None = None,
    ensemble: int | None = None,
    image_size: int | None = None,
    aspect: str | None = None,
    slice_axis: int | None = None,
    slice_fraction: float | None = None,
    window: str | None = None,
    lower_percentile: float | None = None,
    upper_percentile: float | None = None,
    clahe: bool | None = None,
    augment_prob: float | None = None,
    rotation: float | None = None,
    translation: float | None = None,
    zoom: float | None = None,
    gamma: float | None = None,
    flip_prob: float | None = None,
    corruptions: str | None = None,
    noise_std: float | None = None,
    noise_resolution: int | None = None,
    latent_size: int | None = None,
    learned_variance: bool | None = None,
    dropout: float | None = None,
    device: str | None = None,
    amp: bool | None = None,
    amp_dtype: str | None = None,
    compile: bool | None = None,
    channels_last: bool | None = None,
    num_workers: int | None = None,
    memory_budget: str | None = None,
    cache: str | None = None,
    cache_rate: float | None = None,
    cache_dir: str | None = None,
    cache_dtype: str | None = None,
    replace_rate: float | None = None,
    shuffle_buffer: int | None = None,
    on_unreadable: str | None = None,
    seed: int | None = None,
    normal_names: str | None = None,
    abnormal_names: str | None = None,
    patient_pattern: str | None = None,
    val_fraction: float | None = None,
    drop_train_abnormal: bool | None = None,
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
    tensorboard: bool | None = None,
    picture_interval: int | None = None,
    mlflow_uri: str | None = None,
    wandb_project: str | None = None,
    wandb_mode: str | None = None,
    resume: bool | str = False,
    overwrite: bool = False,
    set: dict[str, Any] | None = None,
) -> None:
    """Train a bundle on normal images, keep the best weights by validation loss, and calibrate the score.

    The run's folder gets the checkpoint and the calibration (models/), the config as run (configs/), TensorBoard files
    (tensorboard/), train.json and train.log. It is a MONAI bundle of its own. Several processes train together when
    torchrun starts it: torchrun --nproc_per_node 2 -m imgae_monai train ...; batch_size is of each.

    Args:
        bundle: name of a bundle (unet_autoencoder, reversed_autoencoder) or path of another.
        data: folder tree train|val|test / normal|abnormal, NIH ChestX-ray14's folder, datalist .json, MedMNIST .npz,
            Parquet, Arrow, hf://, kaggle:// or synthetic://; several by commas are tried in order.
        output: folder of the run; must not hold one yet. No default.
        preset: overlay of the config. Default restoration, of reversed_autoencoder introspective.
        epochs: largest number of epochs; early stopping may end it sooner. Default 20.
        batch_size: images a step, or auto: the largest power of two that fits in memory, found by steps. Default 16.
        accumulation_steps: batches whose gradients are added up for a step; not introspective. Default 1.
        optimizer_name: adam, adamw or sgd. Default adam.
        learning_rate: step size at the start, or after the warm-up. Default 0.002, of reversed_autoencoder 0.001.
        weight_decay: L2 penalty of adam and sgd, decoupled decay of adamw. Default 0.0.
        momentum: of sgd only. Default 0.9.
        max_grad_norm: a gradient with a larger norm is scaled down to it. Default none.
        lr_schedule: plateau, step, cosine (to 0) or constant. Default cosine, of reversed_autoencoder step.
        warmup_epochs: epochs in which the learning rate rises to the full one. Default 1, of reversed_autoencoder 0.
        lr_step: epochs between two falls of step. Default 30, of reversed_autoencoder 5.
        lr_factor: plateau and step multiply the learning rate by this. Default 0.5.
        lr_patience: plateau waits for a fall during this many validations. Default 5.
        patience: validations without a fall before training stops. Default 12.
        min_delta: a fall of the validation loss must be larger than this to count for that. Default 0.0.
        val_interval: epochs between validations. Default 1.
        save_interval: epochs between the points to resume from. Default as val_interval.
        n_saved: number of these that are kept, at least 2. Default 2.
        ensemble: best checkpoints whose mean reconstruction is scored; 1 is the best alone. Default 1.
        image_size: side in pixels that images are brought to. Default 64.
        aspect: pad (whole image, black borders) or crop (fills the square, cuts what is over). Default pad.
        slice_axis: turn NIfTI volumes into slices: 0 sagittal, 1 coronal, 2 axial. Default none (volumes stay whole).
        slice_fraction: share of each volume's slices to take, around the middle, 0 to 1. Default 1.0.
        window: grey range of DICOM and NIfTI: auto (a DICOM's own, else percentiles), percentile or full. Default auto.
        lower_percentile: grey values up to this percentile of the image become 0; 0 with 100 leave it. Default 0.0.
        upper_percentile: grey values from this percentile of the image on become 1. Default 100.0.
        clahe: equalise local contrast (contrast limited adaptive histogram equalisation). Default true.
        augment_prob: share of the training images that are moved, and of those whose contrast changes. Default 0.5.
        rotation: training images are turned by up to this many degrees either way, 0 for never. Default 5.0.
        translation: ... shifted by up to this share of the side either way. Default 0.05.
        zoom: ... scaled by up to this share either way. Default 0.05.
        gamma: ... given a contrast with an exponent of up to 1 plus this, or one by that, 0 for never. Default 0.2.
        flip_prob: share of the training images mirrored left to right; a mirrored chest is abnormal. Default 0.0.
        corruptions: none, or names by commas. Default coarse_noise,lesion, of reversed_autoencoder none;
            others are cut_paste, foreign_patch, masked_patches.
        noise_std: standard deviation of coarse_noise, in grey values of 0 to 1. Default 0.2.
        noise_resolution: points of its grid along a side; fewer make larger blobs. Default 16.
        latent_size: numbers in the bottleneck. Default 16, of reversed_autoencoder 32.
        learned_variance: learn a variance for each pixel too, by likelihood (AE-U); not introspective. Default false.
        dropout: share of channels dropped in training, 0 to 1. Default 0.1, of reversed_autoencoder none.
        device: cpu, cuda, cuda:1, mps, or auto, which logs why. Default auto (CUDA, else MPS, else CPU).
        amp: mixed precision in training (not introspective), never in scoring. Default false.
        amp_dtype: bfloat16, float16 (CUDA only) or auto: what the device is good at, if anything. Default auto.
        compile: compile the network with torch.compile; needs a C++ compiler; not introspective. Default false.
        channels_last: keep images and weights with the channels last in memory. Default false.
        num_workers: processes that load images; 0 loads in the main one, which is fastest from a cache. Default 0.
        memory_budget: gigabytes for images kept in memory, or auto: two fifths of what is available. Default auto.
        cache: auto (by the budget), memory, smart (a moving window), persistent (on disk) or none. Default auto.
        cache_rate: share of the images kept decoded in memory at the most, 0 to 1. Default 1.0.
        cache_dir: folder for images decoded once and kept on disk, where memory is short. Default none.
        cache_dtype: of cached training images: auto (uint8 if exact or float16), uint8, float16, float32. Default auto.
        replace_rate: share of a moving window that is replaced each epoch, 0 to 1. Default 0.25.
        shuffle_buffer: encoded images that each worker shuffles of a stream. Default 1000.
        on_unreadable: fail at an image that can't be read, or skip and list it; over 10 % of them fail. Default fail.
        seed: seed of weights, order and the validation split. Default 0.
        normal_names: names of the normal class's folders, separated by commas. Default normal.
        abnormal_names: names of the abnormal classes' folders, separated by commas. Default abnormal.
        patient_pattern: regular expression for the patient in a file's name; its first group counts. Default none.
        val_fraction: share of training patients held out where there is no val split, 0 to 1. Default 0.1.
        drop_train_abnormal: leave abnormal training images out instead of refusing them. Default false.
        views: keep images of these views only, as PA; separated by commas. Default none.
        sexes: keep images of these sexes only, as F. Default none.
        ages: keep images of patients of these years only, as 18-90. Default none.
        findings: of the abnormal images keep those with any of these, by commas. Default none.
        residual: l1, l2, ssim, ms_ssim, gms, features, or as below. Default features;
            or gradient, reversed, lpips, reversed_lpips, likelihood (learned variance), disagreement (ensemble).
        residual_clahe: CLAHE of image and reconstruction before they are compared. Default false.
        lpips_weights: file with the weights of LPIPS, for lpips and reversed_lpips only. Default none.
        smoothing_sigma: Gaussian over the signed residual, in pixels. Default 2.0.
        z_score: standardise the map by normal validation residuals, pixel by pixel. Default false.
        reduction: map to score: mean, top (mean of the highest pixels) or max. Default mean.
        top_fraction: share of the pixels that top averages, 0 to 1. Default 0.05 with top.
        two_sided: whether an image that is easier than normal ones is as abnormal as a harder one. Default false.
        combine: names of scores to make one of, by commas; none: that of the map alone. Default joint_gaussian.
        specificity: share of normal validation images to stay at or below the threshold, 0 to 1. Default 0.95.
        tensorboard: write curves and pictures for TensorBoard. Default true.
        picture_interval: epochs between pictures in TensorBoard, 0 for none. Default 5.
        mlflow_uri: track the run with MLflow: http(s)://..., sqlite:///FILE.db or a folder. Default none.
        wandb_project: track the run with Weights & Biases, in this project. Default none.
        wandb_mode: online, offline (kept in the run's folder) or disabled. Default online.
        resume: go on from the last checkpoint, as started but for more epochs; auto: or start anew. Default false.
        overwrite: replace the run that the folder holds; it is kept until the new one has weights. Default false.
        set: any other id of the bundle's config (default none), as "{'train#dataloader#shuffle': False}".
    """
    knobs = {key: value for key, value in locals().items() if key not in _NOT_KNOBS}

    from imgae_monai.cli.overrides import given
    from imgae_monai.cli.processes import by_torchrun
    from imgae_monai.cli.stop import stop_on_sigterm
    from imgae_monai.cli.train_run import resume_run, run_together, start_run, unfinished
    from imgae_monai.engines import (
        check_resumable,
        choose_device,
        is_first_process,
        join_processes,
        lock_run,
        resume_points,
    )
    from imgae_monai.exceptions import InputError

    own = sorted({*RUN_OWN}.intersection(set or {}))
    if own:
        raise InputError(f"--set can't change {', '.join(own)}: it follows from --output, --resume and --overwrite")
    overrides = {**given(**knobs, dataset_dir=data), **(set or {})}
    run = Path(output).expanduser().resolve()
    if resume not in (True, False, "auto"):
        raise InputError(f"--resume takes true, false or auto, got {resume!r}")
    if resume and overwrite:
        raise InputError("--resume and --overwrite exclude each other: choose one")
    if resume is True:
        check_resumable(run / "models")
    if by_torchrun():
        join_processes(choose_device(device or "auto"))
        if not is_first_process():
            with stop_on_sigterm():
                run_together(run)
            return
    with stop_on_sigterm(), lock_run(run):
        if resume and resume_points(run / "models"):
            resume_run(run, bundle, {**overrides, **given(preset=preset)}, once=resume == "auto")
        else:
            again = resume == "auto" and unfinished(run)
            start_run(run, bundle, preset, overrides, overwrite or again, again)
    print(f"run: {run}")

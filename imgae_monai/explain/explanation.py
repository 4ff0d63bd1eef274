"""Explain anomaly scores: which part of an image they come from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import torch
from monai.config import PathLike
from monai.inferers import Inferer
from monai.utils import convert_to_tensor
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.explain.gradient import gradient_attribution
from imgae_monai.explain.occlusion import occlusion_attribution
from imgae_monai.explain.score_network import ScoreNetwork
from imgae_monai.transforms.anomaly_score import AnomalyScore
from imgae_monai.transforms.calibration import Calibration
from imgae_monai.transforms.score_definition import ScoreDefinition

METHODS = ("gradient", "occlusion")


def check_methods(methods: Sequence[str], score: ScoreDefinition | None = None) -> None:
    """Make sure that every method is known, and can explain a score.

    Raises:
        InputError: names those that are not; or a gradient is asked for of a score that has none.
    """
    unknown = [method for method in methods if method not in METHODS]
    if unknown:
        raise InputError(f"explain takes {', '.join(METHODS)} (several by commas), got {', '.join(map(repr, unknown))}")
    if "gradient" in methods and score is not None and not score.has_gradient:
        raise InputError(
            f"the score {score.name!r} goes through CLAHE, which has no derivative: explain by occlusion only"
        )


def explain(
    network: nn.Module,
    images: torch.Tensor,
    score: ScoreDefinition,
    calibration: Calibration | None = None,
    methods: Sequence[str] = METHODS,
    seed: int = 0,
    lpips_weights: PathLike | None = None,
    inferer: Inferer | None = None,
) -> dict[str, torch.Tensor]:
    """Attribute the score of each image to its pixels.

    The same image gets the same maps, whatever comes with it and before it (on a GPU up to rounding). The network runs
    in eval mode and is left as it was: modes, gradients, and which parameters take one.

    Args:
        network: gives reconstructions, shape (B, C, H, W[, D]).
        images: of the same shape, in [0, 1], on the network's device, as it was trained on them.
        score: the score's definition.
        calibration: needed only where the score is z-scored.
        methods: of ``"gradient"`` (:py:func:`imgae_monai.explain.gradient_attribution`) and ``"occlusion"``
            (:py:func:`imgae_monai.explain.occlusion_attribution`).
        seed: of the gradient's noise.
        lpips_weights: needed only where the score's residual is one of LPIPS.
        inferer: runs the network, where the score is not that of the network alone, see
            :py:class:`imgae_monai.inferers.EnsembleInferer`.

    Returns:
        by method, maps of shape (B, 1, H, W[, D]), float32, with a sign: positive where the image is the more abnormal
        for what is there.

    Raises:
        InputError: when a method is unknown, or a gradient is asked for of a score that has none.
        ValueError: when the score is z-scored and there is no calibration.
    """
    check_methods(methods, score)
    plain = convert_to_tensor(images, track_meta=False)
    model = ScoreNetwork(network, score, calibration, lpips_weights, inferer)
    maps: dict[str, list[torch.Tensor]] = {method: [] for method in methods}
    with _unchanged(model):
        for image in plain.split(1):
            for method in maps:
                if method == "gradient":
                    maps[method].append(gradient_attribution(model, image, seed))
                else:
                    maps[method].append(occlusion_attribution(model, image))
    return {method: torch.cat(parts).float() for method, parts in maps.items()}


def map_height(attribution: torch.Tensor) -> float:
    """Where the colour scale of a map ends: the mean of the highest hundredth of its magnitudes, at least 1e-12."""
    return max(float(AnomalyScore("top", top_fraction=0.01)(attribution.abs())), 1e-12)


@contextlib.contextmanager
def _unchanged(model: nn.Module) -> Iterator[None]:
    """Eval mode, no gradient for any parameter, and all as it was afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    parameters = [(p, p.requires_grad, p.grad) for p in model.parameters()]
    model.eval().requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, required, gradient in parameters:
            parameter.requires_grad_(required)
            parameter.grad = gradient

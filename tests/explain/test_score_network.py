from __future__ import annotations

import itertools

import pytest
import torch
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose
from torch import nn

from imgae_monai.explain import ScoreNetwork
from imgae_monai.transforms import AnomalyScored, Calibration, ResidualMapd, ScoreDefinition, ZScoreMapd


def calibration(shape=(24, 16)) -> Calibration:
    generator = torch.Generator().manual_seed(7)
    mean, std = (torch.rand(1, *shape, generator=generator) for _ in "ab")
    return Calibration(0.5, 0.9, mean, std, 0.75, 40, ScoreDefinition(), "weights", "data")


def network(spatial_dims: int = 2) -> nn.Module:
    """A small one that is no identity; its batch norm and dropout differ between the modes."""
    torch.manual_seed(0)
    conv, norm = (nn.Conv2d, nn.BatchNorm2d) if spatial_dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
    layers = [conv(1, 4, 3, padding=1), norm(4), nn.Dropout(0.5), nn.Tanh(), conv(4, 1, 3, padding=1), nn.Sigmoid()]
    return nn.Sequential(*layers).eval()


def images(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def evaluated(net: nn.Module, batch: torch.Tensor, score: ScoreDefinition, normal: Calibration) -> list[float]:
    """Scores by the transforms of the bundles, in MONAI's evaluator."""
    settings = {"residual": score.residual, "smoothing_sigma": score.smoothing_sigma}
    transforms = [ResidualMapd(**settings, residual_clahe=score.residual_clahe)]
    if score.z_score:
        transforms.append(ZScoreMapd("anomaly_map", normal))
    transforms.append(AnomalyScored(reduction=score.reduction, top_fraction=score.top_fraction))
    scores: list[float] = []
    evaluator = SupervisedEvaluator("cpu", [{"image": batch}], net, postprocessing=Compose(transforms))
    evaluator.add_event_handler(
        "ITERATION_COMPLETED", lambda engine: scores.extend(float(item["score"]) for item in engine.state.output)
    )
    evaluator.run()
    return scores


@pytest.mark.parametrize(
    ("residual", "sigma", "z", "reduction"),
    list(itertools.product(["l1", "l2", "ssim"], [0.0, 1.5], [False, True], ["mean", "top", "max"])),
)
def test_the_score_is_that_of_the_evaluator(residual, sigma, z, reduction):
    score = ScoreDefinition(residual, sigma, z, reduction)
    batch, normal, net = images(3, 1, 24, 16), calibration(), network()
    scores = ScoreNetwork(net, score, normal)(batch)
    assert (scores.shape, scores.dtype) == ((3, 1), torch.float64)
    assert scores[:, 0].tolist() == pytest.approx(evaluated(net, batch, score, normal), rel=1e-6, abs=0)


@pytest.mark.parametrize(("residual", "clahe"), [("ms_ssim", False), ("gms", False), ("gms", True), ("l1", True)])
def test_further_residuals_are_scored_alike(residual, clahe):
    score = ScoreDefinition(residual, 1.0, reduction="top", residual_clahe=clahe)
    batch, net = images(2, 1, 24, 32), network()
    with torch.no_grad():
        scores = ScoreNetwork(net, score)(batch)[:, 0].tolist()
    assert scores == pytest.approx(evaluated(net, batch, score, calibration()), rel=1e-6, abs=0)


def test_volumes_are_scored_alike():
    score = ScoreDefinition("l2", smoothing_sigma=1.0, z_score=True, reduction="top")
    batch, normal, net = images(2, 1, 8, 9, 10), calibration((8, 9, 10)), network(3)
    assert ScoreNetwork(net, score, normal)(batch)[:, 0].tolist() == pytest.approx(
        evaluated(net, batch, score, normal), rel=1e-6, abs=0
    )


@pytest.mark.parametrize("residual", ["l1", "l2", "ssim", "ms_ssim", "gms"])
@pytest.mark.parametrize("reduction", ["mean", "top", "max"])
def test_the_gradient_is_that_of_finite_differences(residual, reduction):
    sigma = 1.0 if reduction == "mean" else 0.0
    score = ScoreDefinition(residual, sigma, z_score=True, reduction=reduction)
    model = ScoreNetwork(network(), score, calibration((24, 24)))
    image = images(1, 1, 24, 24).requires_grad_()
    (gradient,) = torch.autograd.grad(model(image).sum(), image)
    direction = gradient.sign() * (gradient.abs() > gradient.abs().max() / 100)  # steep, so that rounding is small
    # the highest pixels, and the signs of residuals, must not change on the way
    step = 1e-4
    with torch.no_grad():
        slope = float(model(image + step * direction) - model(image - step * direction)) / (2 * step)
    assert slope == pytest.approx(float((gradient * direction).sum()), rel=0.02)
    assert abs(slope) > 1e-3


def test_autocast_around_it_does_not_reach_the_score():
    score, batch = ScoreDefinition("l1"), images(2, 1, 24, 16)
    model = ScoreNetwork(network(), score)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(model(batch), plain := model(batch))
    assert torch.equal(model(batch), plain)


def test_a_z_scored_score_needs_a_calibration():
    with pytest.raises(ValueError, match="'l1-z-mean' is z-scored: it takes a calibration, got None"):
        ScoreNetwork(network(), ScoreDefinition("l1", z_score=True))

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose
from torch import nn

from imgae_monai.explain import ScoreNetwork
from imgae_monai.transforms import (
    AnomalyScored,
    Calibration,
    Combination,
    CombinedScored,
    ComponentMapsd,
    Gaussian,
    ResidualMapd,
    ScoreDefinition,
    ZScoreMapd,
)
from imgae_monai.transforms.residual_map import RESIDUALS, RESIDUALS_OF_CLAHE, is_differentiable
from tests.transforms.residuals.lpips_file import write_lpips
from tests.transforms.residuals.small_network import SmallNetwork


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


def evaluated(
    net: nn.Module, batch: torch.Tensor, score: ScoreDefinition, normal: Calibration, lpips_weights=None
) -> list[float]:
    """Scores by the transforms of the bundles, in MONAI's evaluator."""
    settings = {"residual": score.residual, "smoothing_sigma": score.smoothing_sigma}
    settings |= {"residual_clahe": score.residual_clahe, "network": net, "lpips_weights": lpips_weights}
    transforms = [ResidualMapd(**settings)]
    if score.z_score:
        transforms.append(ZScoreMapd("anomaly_map", normal))
    transforms.append(AnomalyScored(reduction=score.reduction, top_fraction=score.top_fraction))
    if score.components:
        transforms = [transforms[0], ComponentMapsd("pred", score, net), *transforms[1:]]
        transforms.append(CombinedScored("component_maps", score, normal))
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


@pytest.mark.parametrize(
    ("residual", "clahe"),
    [
        *((residual, False) for residual in RESIDUALS if residual not in ("l1", "l2", "ssim")),
        *((residual, True) for residual in RESIDUALS_OF_CLAHE),
    ],
)
def test_every_residual_is_scored_alike(residual, clahe, tmp_path):
    score = ScoreDefinition(residual, 1.0, reduction="top", residual_clahe=clahe)
    batch, net, weights = images(2, 1, 24, 32), SmallNetwork(), write_lpips(tmp_path / "lpips.pt")
    with torch.no_grad():
        scores = ScoreNetwork(net, score, lpips_weights=weights)(batch)[:, 0].tolist()
    assert scores == pytest.approx(evaluated(net, batch, score, calibration(), weights), rel=1e-5, abs=0)
    if score.has_gradient:  # as where it is explained by a gradient
        with_graph = ScoreNetwork(net, score, lpips_weights=weights)(batch.clone().requires_grad_())
        assert with_graph[:, 0].tolist() == pytest.approx(scores, rel=1e-5, abs=0)


def test_volumes_are_scored_alike():
    score = ScoreDefinition("l2", smoothing_sigma=1.0, z_score=True, reduction="top")
    batch, normal, net = images(2, 1, 8, 9, 10), calibration((8, 9, 10)), network(3)
    assert ScoreNetwork(net, score, normal)(batch)[:, 0].tolist() == pytest.approx(
        evaluated(net, batch, score, normal), rel=1e-6, abs=0
    )


@pytest.mark.parametrize("residual", [residual for residual in RESIDUALS if is_differentiable(residual)])
@pytest.mark.parametrize("reduction", ["mean", "top", "max"])
def test_the_gradient_is_that_of_finite_differences(residual, reduction, tmp_path):
    sigma = 1.0 if reduction == "mean" else 0.0
    score = ScoreDefinition(residual, sigma, z_score=True, reduction=reduction)
    model = ScoreNetwork(SmallNetwork(), score, calibration((24, 24)), write_lpips(tmp_path / "lpips.pt"))
    image = images(1, 1, 24, 24).requires_grad_()
    (gradient,) = torch.autograd.grad(model(image).sum(), image)
    direction = gradient.sign() * (gradient.abs() > gradient.abs().max() / 100)  # steep, so that rounding is small
    # the highest pixels, and the signs of residuals, must not change on the way
    step = 1e-4
    with torch.no_grad():
        slope = float(model(image + step * direction) - model(image - step * direction)) / (2 * step)
    assert slope == pytest.approx(float((gradient * direction).sum()), rel=0.05)
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


class Encoding(nn.Module):
    """Its code is the image's row means."""

    def __init__(self) -> None:
        super().__init__()
        self.reconstruct = network()

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.reconstruct(x).mean(dim=(1, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.reconstruct(x)


COMPONENTS = ("l1-mean", "l1-z-mean", "l1-sigma1-z-top0.05", "ssim-mean", "latent")


def fitted(two_sided: bool, k: int) -> Calibration:
    generator, normal = torch.Generator().manual_seed(3), calibration()
    combination = Combination.fit(torch.rand(40, k, generator=generator).double().numpy(), two_sided)
    codes = Gaussian.fit(0.5 + 0.1 * torch.rand(40, 24, generator=generator).double().numpy())
    moments = {"l1": (normal.mean, normal.std), "l1-sigma1": (0.1 * normal.mean, normal.std)}
    return dataclasses.replace(normal, combination=combination, codes={"latent": codes}, map_moments=moments)


@pytest.mark.parametrize(
    "score",
    [
        ScoreDefinition("l2", combine=COMPONENTS),
        ScoreDefinition("l1", z_score=True, two_sided=True, combine=COMPONENTS),
        ScoreDefinition("l1", z_score=True, reduction="top", two_sided=True),
    ],
    ids=["combined", "both", "two-sided"],
)
def test_a_score_of_components_is_that_of_the_evaluator_and_has_its_gradient(score):
    net, batch, normal = Encoding().eval(), images(3, 1, 24, 16), fitted(score.two_sided, len(score.components))
    model = ScoreNetwork(net, score, normal)
    assert model(batch)[:, 0].tolist() == pytest.approx(evaluated(net, batch, score, normal), rel=1e-5)
    image = batch[:1].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(image).sum(), image)
    direction = gradient.sign() * (gradient.abs() > gradient.abs().max() / 100)
    with torch.no_grad():
        slope = float(model(image + 1e-4 * direction) - model(image - 1e-4 * direction)) / 2e-4
    assert slope == pytest.approx(float((gradient * direction).sum()), rel=0.02)


def test_a_score_of_components_needs_a_calibration():
    with pytest.raises(ValueError, match="'l1-mean-two_sided' is made of components: it takes a calibration"):
        ScoreNetwork(network(), ScoreDefinition(two_sided=True))

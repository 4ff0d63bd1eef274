from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.explain import ScoreNetwork
from imgae_monai.export import BatchedCLAHE, ScoreModel
from imgae_monai.export.cell_means import CellMeans
from imgae_monai.export.formats import FORMATS, format_of, scorer, to_bytes
from imgae_monai.export.residual import EXPORTED
from imgae_monai.transforms import CLAHE, ResidualMap, ScoreDefinition
from imgae_monai.transforms.codes import cell_means
from imgae_monai.transforms.residual_map import RESIDUALS, RESIDUALS_OF_CLAHE, RESIDUALS_OF_PREDICTION
from tests.export.small_models import Coding, calibration, images, members
from tests.export.unzipped import unzipped
from tests.transforms.residuals.lpips_file import write_lpips

SIZE = (32, 40)
CODES = ("latent", "feature_gaussian", "joint_gaussian")
# each residual and each option once
EVERY = (
    *("l1-mean", "l2-sigma1-max", "l1-clahe-sigma2-top0.05", "ssim-z-mean", "ms_ssim-max", "gms-sigma1-mean"),
    *("features-clahe-mean", "reversed-sigma1-mean", "lpips-mean", "reversed_lpips-mean"),
    *("likelihood-sigma1-z-mean", "disagreement-top0.1"),
    *CODES,
)


@pytest.fixture(scope="module")
def lpips(tmp_path_factory):
    return write_lpips(tmp_path_factory.mktemp("lpips") / "lpips.pt")


def by_the_transforms(
    net: nn.Module, score: ScoreDefinition, normal, batch: torch.Tensor, predictor=None, lpips=None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and maps, image by image, by the transforms of the bundles."""
    inferer = None if predictor is None else lambda x, _: predictor(x)
    with torch.no_grad():
        scores = ScoreNetwork(net, score, normal, lpips, inferer)(batch)[:, 0]
        mapper = ResidualMap(score.residual, score.smoothing_sigma, score.residual_clahe, net, lpips)
        maps = torch.stack([mapper(x, y) for x, y in zip(batch, (predictor or net)(batch), strict=True)])
    return scores, maps


@pytest.mark.parametrize(
    ("residual", "clahe"),
    [
        *((residual, False) for residual in EXPORTED if residual not in RESIDUALS_OF_PREDICTION),
        *((residual, True) for residual in RESIDUALS_OF_CLAHE),
    ],
)
def test_score_and_map_are_those_of_the_transforms_and_stay_so_in_a_trace(residual, clahe, lpips):
    score = ScoreDefinition(residual, 0.0 if clahe else 1.5, reduction="top", residual_clahe=clahe)
    net, batch = Coding(), images(3, 1, *SIZE)
    normal = calibration(score, SIZE, net)
    scores, maps = by_the_transforms(net, score, normal, batch, lpips=lpips)
    model = ScoreModel(net, normal, SIZE, lpips_weights=lpips).eval()
    outputs = model(batch)
    assert outputs["score"].tolist() == pytest.approx(scores.tolist(), rel=1e-5)
    torch.testing.assert_close(outputs["anomaly_map"], maps, rtol=1e-5, atol=1e-6)
    assert outputs["decision"].tolist() == (scores > 0.5).long().tolist()
    traced = scorer(to_bytes(model, "torchscript", batch[:2], {}), "torchscript")(images(4, 1, *SIZE, seed=3).numpy())
    again = model(images(4, 1, *SIZE, seed=3))
    np.testing.assert_allclose(traced["score"], again["score"], rtol=1e-5)
    np.testing.assert_allclose(traced["anomaly_map"], again["anomaly_map"], rtol=1e-5, atol=1e-6)


def test_all_residuals_but_the_gradient_are_exported():
    assert set(EXPORTED) == {*RESIDUALS, *RESIDUALS_OF_PREDICTION} - {"gradient"}


@pytest.mark.parametrize("two_sided", [False, True])
def test_an_ensembles_score_of_everything_is_that_of_the_transforms(two_sided, lpips):
    score = ScoreDefinition("likelihood", z_score=True, two_sided=two_sided, combine=EVERY)
    net, batch = Coding(learned_variance=True), images(3, 1, *SIZE)
    normal = calibration(score, SIZE, net)
    predictor = members(net)
    scores, _ = by_the_transforms(net, score, normal, batch, predictor, lpips)
    outputs = ScoreModel(net, normal, SIZE, None, predictor, lpips)(batch)
    assert outputs["score"].tolist() == pytest.approx(scores.tolist(), rel=1e-5)


class _Components(nn.Module):
    """What an exported model computes inside, one by one, so that no part hides behind another."""

    def __init__(self, model: ScoreModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        pair = self.model._pair(image)
        maps = {name: self.model.maps[number](pair) for name, number in self.model.numbers.items()}
        return {"components": self.model._components(pair, maps)}


def test_every_component_survives_torch_export(lpips):
    # an ensemble's, and a second map of LPIPS, would take as long again
    names = [name for name in EVERY if not name.startswith(("disagreement", "reversed_lpips"))]
    score, net = ScoreDefinition("l1", combine=tuple(names)), Coding(learned_variance=True)
    model = _Components(ScoreModel(net, calibration(score, SIZE, net), SIZE, lpips_weights=lpips))
    batches = {"image": {0: torch.export.Dim("batch")}}
    run = torch.export.export(model, (images(2, 1, *SIZE),), dynamic_shapes=batches).module()
    for n in (1, 5):
        batch = images(n, 1, *SIZE, seed=4)
        got, expected = run(batch)["components"], model(batch)["components"]
        assert got.shape == (n, len(names))
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


@functools.cache
def small_model(spatial_dims: int) -> ScoreModel:
    size = (16, 24) if spatial_dims == 2 else (8, 10, 12)
    names = (
        ("ssim-sigma1-z-top0.05", "l1-max", "joint_gaussian", "latent") if spatial_dims == 2 else ("joint_gaussian",)
    )
    score, net = ScoreDefinition("l2", 1.0, two_sided=spatial_dims == 2, combine=names), Coding(spatial_dims)
    return ScoreModel(net, calibration(score, size, net), size)


@pytest.mark.parametrize(
    ("format", "spatial_dims"), [("onnx", 2), ("torchscript", 2), ("onnx", 3), ("torch_export", 3), ("torchscript", 3)]
)
def test_each_format_gives_the_models_numbers_at_any_batch(format, spatial_dims):
    model = small_model(spatial_dims)
    size = model(torch.zeros(1, 1, 16, 24) if spatial_dims == 2 else torch.zeros(1, 1, 8, 10, 12))["anomaly_map"].shape
    shown = images(2, *size[1:])
    content = to_bytes(model, format, shown, {"a": "b"})
    assert [part for part in unzipped(content).values() if shown[0].numpy().tobytes() in part] == []
    run = scorer(content, format)
    for n in (1, 5):
        batch = images(n, *size[1:], seed=4)
        expected, got = model(batch), run(batch.numpy())
        assert (got["score"].dtype, got["decision"].dtype, got["anomaly_map"].dtype) == (float, np.int64, np.float32)
        # the made-up Gaussian of a code makes much of rounding
        np.testing.assert_allclose(got["score"], expected["score"], rtol=1e-4)
        np.testing.assert_allclose(got["anomaly_map"], expected["anomaly_map"], rtol=1e-5, atol=1e-6)
        assert got["decision"].tolist() == expected["decision"].tolist()


@pytest.mark.parametrize("size", [(4, 8), (7, 10), (3, 5), (6, 9, 5)], ids=str)
def test_means_in_cells_are_those_of_adaptive_pooling(size):
    levels = [images(2, 3, *size), images(2, 4, *(max(1, axis // 2) for axis in size))]
    torch.testing.assert_close(CellMeans(levels)(levels), cell_means(levels))


def test_the_input_is_equalised_once():
    score, net, batch = ScoreDefinition("l1"), Coding(), 0.3 * images(2, 1, *SIZE)
    normal = calibration(score, SIZE, net)
    scores, _ = by_the_transforms(net, score, normal, torch.stack([CLAHE()(image) for image in batch]))
    assert ScoreModel(net, normal, SIZE, BatchedCLAHE(SIZE))(batch)["score"].tolist() == pytest.approx(scores.tolist())


def test_what_cannot_be_exported_is_refused():
    net = Coding()
    for score in (ScoreDefinition("gradient"), ScoreDefinition("l1", combine=("gradient-mean",))):
        with pytest.raises(InputError, match=r"'gradient' takes a derivative.* another --residual.* l1, l2, ssim"):
            ScoreModel(net, calibration(score, SIZE, net), SIZE)
    with pytest.raises(InputError, match="LPIPS needs weights"):
        ScoreModel(net, calibration(ScoreDefinition("lpips"), SIZE, net), SIZE)
    with pytest.raises(InputError, match="'likelihood' takes a network that learned its variance"):
        ScoreModel(net, calibration(ScoreDefinition("likelihood"), SIZE, net), SIZE)
    with pytest.raises(InputError, match="'disagreement' takes an ensemble"):
        ScoreModel(net, calibration(ScoreDefinition("disagreement"), SIZE, net), SIZE)
    with pytest.raises(InputError, match="features"):
        ScoreModel(nn.Conv2d(1, 1, 1), calibration(ScoreDefinition("features"), SIZE, net), SIZE)
    score = ScoreDefinition(combine=("latent",))
    normal = calibration(score, SIZE, net)
    object.__setattr__(normal.codes["latent"], "mean", torch.zeros(3, dtype=torch.float64))
    with pytest.raises(InputError, match="code latent has 6 axes, the calibration 3"):
        ScoreModel(net, normal, SIZE)


def test_formats_go_by_suffix_unless_named(tmp_path):
    assert [format_of(tmp_path / f"m{suffix}") for suffix in (".onnx", ".ts", ".pt2")] == list(FORMATS)
    assert format_of(tmp_path / "m.bin", "onnx") == "onnx"
    with pytest.raises(InputError, match=r"suffix '.pt' of m.pt is of no format, expected .onnx \(onnx\), .ts"):
        format_of(tmp_path / "m.pt")
    with pytest.raises(ValueError, match="torchscript"):
        format_of(tmp_path / "m.pt", "torchscrip")
    with pytest.raises(InputError, match="opset must be 18 or higher, got 11"):
        to_bytes(small_model(2), "onnx", images(2, 1, 16, 24), {}, opset=11)

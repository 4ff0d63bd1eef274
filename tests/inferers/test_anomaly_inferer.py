from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import torch
from monai.data import MetaTensor
from torch import nn

from imgae_monai.inferers import AnomalyInferer
from imgae_monai.transforms import ScoreDefinition
from tests.handlers.test_prediction_writer import CALIBRATION


class Halve(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / 2

    @torch.jit.export
    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [torch.cat([x, 1 - x], dim=1)]


IMAGES = torch.tensor([[[[0.0, 0.5], [1.0, 0.5]]], [[[0.2, 0.2], [0.2, 0.6]]]])


def test_map_and_score_of_each_image_by_hand():
    given = AnomalyInferer(ScoreDefinition("l1"), None)(MetaTensor(IMAGES), Halve())
    assert given.shape == (2, 2, 2, 2)
    assert (given.dtype, type(given)) == (torch.float64, torch.Tensor)
    np.testing.assert_allclose(given[:, 0], IMAGES[:, 0] / 2)
    np.testing.assert_allclose(given[:, 1], np.array([[[0.25] * 2] * 2, [[0.15] * 2] * 2]))


def test_a_standardised_map():
    mean, std = torch.full((1, 2, 2), 0.25), torch.full((1, 2, 2), 0.5)
    calibration = dataclasses.replace(CALIBRATION, mean=mean, std=std)
    given = AnomalyInferer(ScoreDefinition("l1", z_score=True, reduction="max"), calibration)(IMAGES, Halve())
    np.testing.assert_allclose(given[0, 0], [[-0.5, 0], [0.5, 0]])
    np.testing.assert_allclose(given[:, 1, 0, 0], [0.5, 0.1], rtol=1e-6)


def test_the_network_that_is_handed_over_counts():
    """MONAI Deploy's, which is TorchScript inside a wrapper of its own, as any other; one after another."""
    infer = AnomalyInferer(ScoreDefinition("features"), None)
    plain = infer(IMAGES, Halve())
    assert plain[0, 0].max() > 0
    wrapped = SimpleNamespace(predictor=torch.jit.script(Halve()))
    np.testing.assert_allclose(infer(IMAGES, wrapped), plain)
    assert not infer(IMAGES, Same())[:, 0].any()


class Same(Halve):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

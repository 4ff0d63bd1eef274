from __future__ import annotations

import doctest
import math

import pytest
import torch

from imgae_monai.losses import IntrospectiveDecoderLoss, IntrospectiveEncoderLoss, introspective

REC, KL = torch.tensor([4.0, 8.0]), torch.tensor([1.0, 3.0])
# of two reconstructions, then of two samples
GENERATED_REC, GENERATED_KL = torch.tensor([2.0, 6.0, 10.0, 14.0]), torch.tensor([1.0, 2.0, 3.0, 4.0])
EMBEDDING = torch.tensor(2.0)


def exponentials(scale: float, beta_rec: float, beta_neg: float) -> float:
    """1/4 of the sum over both kinds of their means."""
    pairs = list(zip(GENERATED_REC.tolist(), GENERATED_KL.tolist(), strict=True))
    values = [math.exp(-2 * scale * (beta_rec * rec + beta_neg * kl)) for rec, kl in pairs]
    return 0.25 * ((values[0] + values[1]) / 2 + (values[2] + values[3]) / 2)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"scale": 1 / 64}, (0.5 * 6 + 2) / 64 + exponentials(1 / 64, 0.5, 128.0) + 0.01),
        ({"scale": 1 / 64, "beta_rec": 2.0}, (2 * 6 + 2) / 64 + exponentials(1 / 64, 2.0, 128.0) + 0.01),
        ({"scale": 1 / 64, "beta_kl": 3.0}, (0.5 * 6 + 3 * 2) / 64 + exponentials(1 / 64, 0.5, 128.0) + 0.01),
        ({"scale": 1 / 64, "beta_neg": 1.0}, (0.5 * 6 + 2) / 64 + exponentials(1 / 64, 0.5, 1.0) + 0.01),
        ({"scale": 0.25, "beta_neg": 0.5}, 0.25 * (0.5 * 6 + 2) + exponentials(0.25, 0.5, 0.5) + 0.01),
        ({"scale": 1 / 64, "embedding_weight": 3.0}, 5 / 64 + exponentials(1 / 64, 0.5, 128.0) + 6),
    ],
)
def test_encoder_by_hand(arguments, expected):
    loss = IntrospectiveEncoderLoss(**arguments)(REC, KL, GENERATED_REC, GENERATED_KL, EMBEDDING)
    torch.testing.assert_close(loss, torch.tensor(expected))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"scale": 0.25}, 0.25 * (0.5 * 6 + 0.5 * (1.5 + 3.5) + 0.5e-8 * 0.5 * (4 + 12))),
        ({"scale": 0.25, "gamma": 1.0}, 0.25 * (0.5 * 6 + 0.5 * (1.5 + 3.5) + 0.5 * 0.5 * (4 + 12))),
        ({"scale": 0.5, "gamma": 1.0}, 0.5 * (0.5 * 6 + 0.5 * (1.5 + 3.5) + 0.5 * 0.5 * (4 + 12))),
        ({"scale": 0.25, "gamma": 1.0, "beta_rec": 2.0}, 0.25 * (2 * 6 + 0.5 * (1.5 + 3.5) + 0.5 * 2 * (4 + 12))),
        ({"scale": 0.25, "beta_kl": 3.0, "gamma": 0.0}, 0.25 * (0.5 * 6 + 3 * 0.5 * (1.5 + 3.5))),
    ],
)
def test_decoder_by_hand(arguments, expected):
    loss = IntrospectiveDecoderLoss(**arguments)(REC, GENERATED_KL, GENERATED_REC)
    torch.testing.assert_close(loss, torch.tensor(expected))


def test_the_two_pull_the_divergence_of_generated_images_apart():
    kl = GENERATED_KL.clone().requires_grad_()
    IntrospectiveEncoderLoss(1 / 64)(REC, KL, GENERATED_REC, kl, EMBEDDING).backward()
    assert (kl.grad < 0).all()
    kl.grad = None
    IntrospectiveDecoderLoss(1 / 64)(REC, kl, GENERATED_REC).backward()
    assert (kl.grad > 0).all()


@pytest.mark.parametrize("loss", [IntrospectiveEncoderLoss, IntrospectiveDecoderLoss])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 0.0}, r"scale must be above 0, got 0\.0: it is one over the number of pixels"),
        ({"scale": 1.0, "beta_kl": -1.0}, r"beta_kl must not be negative, got -1\.0"),
        ({"scale": 1.0, "beta_rec": float("nan")}, "beta_rec must not be negative, got nan"),
    ],
)
def test_wrong_arguments_are_refused(loss, arguments, message):
    with pytest.raises(ValueError, match=message):
        loss(**arguments)


def test_docstring_examples_run():
    results = doctest.testmod(introspective)
    assert results.attempted > 0
    assert results.failed == 0

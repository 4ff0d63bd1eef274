from __future__ import annotations

import doctest

import pytest
import torch
from torch.nn.functional import cosine_similarity

from imgae_monai.losses import ReversedEmbeddingLoss, reversed_embedding

X = torch.tensor([[[3.0, 4.0]], [[1.0, 0.0]]])
Y = torch.tensor([[[4.0, 3.0]], [[-2.0, 0.0]]])
# squared differences 1, 1, 9, 0, so half their mean is 11/8; cosines 24/25 and -1, so 1 - cos is 1/25 and 2
BY_HAND = 11 / 8 + 51 / 50


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([X], [Y], BY_HAND),
        ([X, X[:, :, :1]], [Y, Y[:, :, :1]], BY_HAND + 0.5 * 5 + 1),  # differences 1, 9; cosines 1, -1
        ([X], [X], 0.0),
        ([X], [2 * X], 0.5 * 26 / 4),  # along the same direction
    ],
)
def test_by_hand(x, y, expected):
    torch.testing.assert_close(ReversedEmbeddingLoss()(x, y), torch.tensor(expected), atol=1e-6, rtol=0)


def test_cosine_is_of_an_images_features_together_not_pixel_by_pixel():
    x, y = torch.rand(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    cosine = ReversedEmbeddingLoss()([x], [y]) - 0.5 * (x - y).square().mean()
    expected = torch.stack(
        [1 - cosine_similarity(a.reshape(-1), b.reshape(-1), dim=0) for a, b in zip(x, y, strict=True)]
    )
    torch.testing.assert_close(cosine, expected.mean())
    assert abs(cosine - (1 - cosine_similarity(x, y, dim=1)).mean()) > 1e-3


@pytest.mark.parametrize(("x", "y"), [([], []), ([X], [Y, Y]), ([X], [Y[:1]])])
def test_features_that_do_not_fit_are_refused(x, y):
    with pytest.raises(ValueError, match="should have the same shapes at one level or more, got "):
        ReversedEmbeddingLoss()(x, y)


def test_docstring_example_runs():
    results = doctest.testmod(reversed_embedding)
    assert results.attempted > 0
    assert results.failed == 0

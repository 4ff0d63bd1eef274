from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from imgae_monai.engines import copies_to_vary, fit_codes, thinned
from imgae_monai.exceptions import InputError
from imgae_monai.transforms import Gaussian


class Columns(nn.Module):
    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(1, 2))


def batches(n: int) -> list[dict[str, torch.Tensor]]:
    images = torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    return [{"image": batch} for batch in images.split(2)]


def test_gaussian_of_the_codes_of_all_batches():
    found = fit_codes(["latent"], Columns(), batches(7), "cpu")["latent"]
    codes = torch.cat([batch["image"] for batch in batches(7)]).mean(dim=(1, 2)).double().numpy()
    expected = Gaussian.fit(codes)
    np.testing.assert_allclose(found.mean, expected.mean, rtol=1e-6)
    np.testing.assert_allclose(found.precision, expected.precision, rtol=1e-4)


def test_too_few_images_are_refused():
    with pytest.raises(InputError, match="latent needs at least 3 training images, got 2"):
        fit_codes(["latent"], Columns(), batches(2), "cpu")


@pytest.mark.parametrize(("n", "most"), [(0, 3), (3, 3), (4, 3), (10, 3), (1000, 7)])
def test_thinned_keeps_at_most_so_many_evenly_spaced(n, most):
    kept = thinned(range(n), most)
    assert len(kept) <= most
    assert len(kept) >= min(n, most / 2)
    assert len({b - a for a, b in itertools.pairwise(kept)}) <= 1


def test_copies_are_told_apart_and_are_not_too_many():
    items = [{"sha256": str(i), "image": f"{i}.png"} for i in range(100)]
    copies = copies_to_vary(items, 3)
    assert len({copy["acquisition"] for copy in copies}) == 300
    assert [copy["image"] for copy in copies[:4]] == ["0.png"] * 3 + ["1.png"]
    assert "acquisition" not in items[0]
    few = copies_to_vary(items, 3, most=50)
    assert len(few) == 50
    assert len({copy["image"] for copy in few}) == 50
    assert len(copies_to_vary(items, 10**12, most=50)) == 50  # none but the kept are made
    with pytest.raises(InputError, match="code_copies must be at least 1, got 0"):
        copies_to_vary(items, 0)

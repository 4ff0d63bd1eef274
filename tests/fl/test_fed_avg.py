from __future__ import annotations

import pytest
import torch
from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.fl import fed_avg


def test_is_the_mean_over_images():
    """(1 * 30 + 5 * 10) / 40 and (-2 * 30 + 2 * 10) / 40."""
    sites = [{"w": torch.tensor([1.0, -2.0])}, {"w": torch.tensor([5.0, 2.0])}]
    assert fed_avg(sites, [30, 10])["w"].tolist() == [2.0, -1.0]


def test_one_site_comes_back_as_it_is():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    averaged = fed_avg([network.state_dict()], [7])
    assert all(torch.equal(value, averaged[name]) for name, value in network.state_dict().items())
    assert {name: v.dtype for name, v in averaged.items()} == {n: v.dtype for n, v in network.state_dict().items()}


def test_what_becomes_of_batch_norm():
    """The running mean is that of all images; of the variance, that between the sites' means is missing."""
    sites, images = [], [torch.tensor([0.0, 2.0]), torch.tensor([10.0, 14.0])]
    for values in images:
        norm = nn.BatchNorm1d(1, momentum=1.0)
        for _ in range(len(sites) + 1):  # of one step, and of two
            norm(values[:, None])
        sites.append(norm.state_dict())
    averaged = fed_avg(sites, [1, 1])
    assert averaged["running_mean"].item() == torch.cat(images).mean() == 6.5
    # within: 2 and 8, unbiased; of all four it would be 43.7
    assert averaged["running_var"].item() == 5.0
    assert averaged["num_batches_tracked"].dtype == torch.int64
    assert averaged["num_batches_tracked"].item() == 2  # 1.5, rounded to even


def test_large_numbers_of_steps_stay_whole():
    steps = 2**24 + 1  # float32 has no such number
    assert fed_avg([{"n": torch.tensor(steps)}] * 2, [3, 5])["n"].item() == steps


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"v": torch.zeros(2)}, r"site 1 has another network than site 0: v is \(2,\), there None; all sites must"),
        ({"w": torch.zeros(3)}, r"site 1 has another network than site 0: w is \(3,\), there \(2,\)"),
        ({"w": torch.tensor([1.0, float("nan")])}, r"site 1 sent weights that are not finite \(w\): leave it out"),
    ],
)
def test_a_site_that_does_not_fit_is_refused(other, words):
    with pytest.raises(InputError, match=words):
        fed_avg([{"w": torch.zeros(2)}, other], [1, 1])


@pytest.mark.parametrize(("n_sites", "n_images"), [(0, []), (1, [1, 2]), (2, [1, 0])])
def test_each_site_has_images(n_sites, n_images):
    with pytest.raises(ValueError, match="expected sites with a number of images each, above 0"):
        fed_avg([{"w": torch.zeros(1)}] * n_sites, n_images)

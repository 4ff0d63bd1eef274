"""The mean of what sites have trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from imgae_monai.exceptions import InputError


def fed_avg(weights: Sequence[Mapping[str, torch.Tensor]], n_images: Sequence[int]) -> dict[str, torch.Tensor]:
    """Mean of the sites' weights, each site counted by its images (McMahan et al. 2017, algorithm 1).

    MONAI has a client and no aggregator; NVFlare's ``FedAvg`` does this sum, for who runs NVFlare. Buffers of batch
    norm are averaged as weights are. The running mean comes out as that of all images; the running variance as the mean
    variance *within* a site, smaller than that of all images by the variance of the sites' means. The integer
    ``num_batches_tracked``, which nothing reads while batch norm has a momentum, is rounded.

    Args:
        weights: state dicts, one a site.
        n_images: number of images that each was trained on.

    Raises:
        ValueError: when there is no site, one without images, or not one number a site.
        InputError: when sites hold other names or shapes, or a value is not finite: one such site would spoil all.

    Example:
        >>> fed_avg([{"w": torch.tensor([1.0])}, {"w": torch.tensor([4.0])}], [20, 10])
        {'w': tensor([2.])}
    """
    if not weights or len(weights) != len(n_images) or min(n_images) <= 0:
        raise ValueError(f"expected sites with a number of images each, above 0: got {len(weights)}, {list(n_images)}")
    for site, state in enumerate(weights):
        _check_site(site, state, weights[0])
    total = sum(n_images)
    shares = [n / total for n in n_images]
    return {name: _mean([state[name] for state in weights], shares) for name in weights[0]}


def _mean(tensors: Sequence[torch.Tensor], shares: Sequence[float]) -> torch.Tensor:
    mean = torch.stack([share * tensor.double() for share, tensor in zip(shares, tensors, strict=True)]).sum(dim=0)
    return (mean if tensors[0].is_floating_point() else mean.round()).to(tensors[0].dtype)


def _check_site(site: int, state: Mapping[str, torch.Tensor], first: Mapping[str, torch.Tensor]) -> None:
    shapes, expected = ({name: tuple(value.shape) for name, value in s.items()} for s in (state, first))
    different = sorted(name for name in {*shapes, *expected} if shapes.get(name) != expected.get(name))
    if different:
        raise InputError(
            f"site {site} has another network than site 0: {different[0]} is {shapes.get(different[0])}, there "
            f"{expected.get(different[0])}; all sites must train the same config"
        )
    spoilt = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if spoilt:
        raise InputError(f"site {site} sent weights that are not finite ({spoilt[0]}): leave it out of this round")

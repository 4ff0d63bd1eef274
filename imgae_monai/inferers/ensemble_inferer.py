"""Run several checkpoints of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.config import PathLike
from monai.inferers import Inferer
from torch.func import functional_call

from imgae_monai.engines.ensemble_members import ensemble_members
from imgae_monai.exceptions import InputError
from imgae_monai.handlers.checked_checkpoint_loader import check_checkpoint
from imgae_monai.transforms.prediction import NOT_LEARNED


class EnsembleInferer(Inferer):
    """Mean reconstruction of the members of an ensemble, and how far they disagree.

    The members are checkpoints of one run (:py:class:`imgae_monai.handlers.EnsembleSaver`): they have seen the same
    images and differ in when they were saved, so that they disagree less than networks that were trained apart, as
    those of Cai et al. 2022, "Dual-distribution discrepancy for anomaly detection in chest X-rays" (MICCAI), whose
    intra-discrepancy the standard deviation is. MONAI's ``EnsembleEvaluator`` keeps one network a member in
    its config, and gives their outputs under keys of their own.

    Args:
        ckpt_dir: folder of the members, read at the first call; each is held in memory.
        n_members: their number; 1 runs the network as it is.

    Raises:
        InputError: when ``n_members`` is below 1.
    """

    def __init__(self, ckpt_dir: PathLike, n_members: int = 1) -> None:
        super().__init__()
        if n_members < 1:
            raise InputError(f"ensemble must be at least 1, got {n_members}")
        self.ckpt_dir = ckpt_dir
        self.n_members = n_members
        self._weights: list[dict[str, torch.Tensor]] = []

    def __call__(self, inputs: torch.Tensor, network: Callable, *args: Any, **kwargs: Any) -> Any:
        """
        Args:
            inputs: shape (B, C, H, W[, D]).
            network: gives one tensor, (B, C, H, W[, D]) or (B, 2C, ...) with a learned variance; in eval mode. Its own
                weights are not used where there are members.
            args: further arguments of the network.
            kwargs: the same by name.

        Returns:
            of one member what the network gives. Of several (B, 3C, H, W[, D]): the mean reconstruction; the mean of
            what the members give for their variance, or -1 where they have learned none; the standard deviation of the
            reconstructions (of the members as they are, without Bessel's correction).

        Raises:
            InputError: when there are more or fewer members, or one can't be read or is of another network.
            TypeError: when there are members and ``network`` is no module.
        """
        if self.n_members == 1:
            return network(inputs, *args, **kwargs)
        if not isinstance(network, torch.nn.Module):
            raise TypeError(f"an ensemble takes a network that weights can be put into, got {type(network).__name__}")
        if not self._weights:
            self._weights = [self._load(path, network) for path in ensemble_members(self.ckpt_dir, self.n_members)]
        given = torch.stack([functional_call(network, weights, (inputs, *args), kwargs) for weights in self._weights])
        n_channels = inputs.shape[1]
        reconstructions, variances = given[:, :, :n_channels], given[:, :, n_channels:]
        mean = reconstructions.mean(dim=0)
        variance = variances.mean(dim=0) if variances.numel() else torch.full_like(mean, NOT_LEARNED)
        return torch.cat([mean, variance, reconstructions.std(dim=0, correction=0)], dim=1)

    @staticmethod
    def _load(path: PathLike, network: torch.nn.Module) -> dict[str, torch.Tensor]:
        check_checkpoint(path, network)
        device = next(network.parameters()).device
        return dict(torch.load(path, map_location=device, weights_only=True))

"""What the channels of a network's output are."""

from __future__ import annotations

from typing import NamedTuple

import torch

from imgae_monai.exceptions import InputError
from imgae_monai.losses.learned_variance import log_variance

# stands where an ensemble's networks learned no variance; what they learn lies in [0, 1]
NOT_LEARNED = -1.0


class Prediction(NamedTuple):
    """An output taken apart; what it does not hold is None.

    Args:
        reconstruction: shape (C, H, W[, D]).
        log_variance: logarithm of the variance that the network expects of a pixel, same shape.
        disagreement: standard deviation of an ensemble's reconstructions, same shape.
    """

    reconstruction: torch.Tensor
    log_variance: torch.Tensor | None
    disagreement: torch.Tensor | None


def split_prediction(prediction: torch.Tensor, n_channels: int) -> Prediction:
    """Take a network's output apart.

    It is one tensor everywhere, since that is what engines, exports and other tools take. Its first channels are the
    reconstruction. A network that learns its variance (:py:class:`imgae_monai.losses.LearnedVarianceLoss`) gives as
    many again. An ensemble (:py:class:`imgae_monai.inferers.EnsembleInferer`) always gives three times as many: means
    of both, with -1 for a variance that was not learned, and the members' standard deviation.

    Args:
        prediction: shape (N, H, W[, D]).
        n_channels: channels C of the image.

    Returns:
        its parts.

    Raises:
        ValueError: when N is none of C, 2C and 3C.
    """
    if prediction.shape[0] not in (n_channels, 2 * n_channels, 3 * n_channels):
        raise ValueError(
            f"prediction {tuple(prediction.shape)} of an image with {n_channels} channels: expected {n_channels}, "
            f"{2 * n_channels} (with a learned variance) or {3 * n_channels} channels (of an ensemble)"
        )
    reconstruction, *rest = prediction.split(n_channels)
    learned = rest[0] if rest and float(rest[0].detach().min()) >= 0 else None
    return Prediction(
        reconstruction,
        None if learned is None else log_variance(learned),
        rest[1] if len(rest) == 2 else None,
    )


def learned_log_variance(prediction: Prediction) -> torch.Tensor:
    """The learned variance's logarithm.

    Raises:
        InputError: when there is none.
    """
    if prediction.log_variance is None:
        raise InputError(
            "residual 'likelihood' takes a network that learned its variance, this one did not: train with "
            "--learned_variance, or take another residual"
        )
    return prediction.log_variance


def members_disagreement(prediction: Prediction) -> torch.Tensor:
    """The standard deviation of an ensemble.

    Raises:
        InputError: when the prediction is of one network.
    """
    if prediction.disagreement is None:
        raise InputError(
            "residual 'disagreement' takes an ensemble, this is one network: train with --ensemble 2 or more, or take "
            "another residual"
        )
    return prediction.disagreement

"""Make sure that a score is of something that the network will give."""

from __future__ import annotations

from torch import nn

from imgae_monai.exceptions import InputError
from imgae_monai.networks.nets import IntrospectiveAutoencoder
from imgae_monai.transforms.score_definition import ScoreDefinition


def check_prediction(score: ScoreDefinition, network: nn.Module, learned_variance: bool, ensemble: int) -> None:
    """Refuse before training what would fail after it, when the score is calibrated.

    Args:
        score: to be calibrated.
        network: to be trained.
        learned_variance: whether it is to give a variance beside its reconstruction.
        ensemble: number of checkpoints that are scored together.

    Raises:
        InputError: when the score is of a variance that the network does not learn, or of a disagreement of one; or
            when the network is trained in a way that has no place for a variance.
    """
    if learned_variance and isinstance(network, IntrospectiveAutoencoder):
        raise InputError(
            "learned_variance is not for introspective training, whose loss has no place for it: take --preset "
            "plain_small or plain, or the bundle unet_autoencoder"
        )
    names = {score.residual, *(name.split("-")[0] for name in score.combine)}
    if "likelihood" in names and not learned_variance:
        raise InputError("residual likelihood takes --learned_variance, which is off: set it, or take another residual")
    if "disagreement" in names and ensemble < 2:
        raise InputError(f"residual disagreement takes --ensemble 2 or more, got {ensemble}: or take another residual")

"""A training step on a batch of images, to find out what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import nn
from torch.optim import Adam

from imgae_monai.engines.introspective_trainer import IntrospectiveTrainer
from imgae_monai.losses import IntrospectiveDecoderLoss, IntrospectiveEncoderLoss

_Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class TrainingStep(Protocol):
    """Gives for a network what trains it by one batch ``(B, C, H, W[, D])``.

    ``passes``: a step holds at least as many times what one forward pass keeps for the backward one.
    """

    passes: float

    def __call__(self, network: nn.Module) -> Callable[[torch.Tensor], None]:
        """Args: network: on its device, in training mode."""


class SupervisedStep:
    """As a trainer with one optimizer, Adam, takes it.

    Args:
        loss_function: of prediction and image.
    """

    passes = 1.0

    def __init__(self, loss_function: _Loss) -> None:
        self.loss_function = loss_function

    def __call__(self, network: nn.Module) -> Callable[[torch.Tensor], None]:
        """Args: network: on its device, in training mode."""
        optimizer = Adam(network.parameters())

        def take(image: torch.Tensor) -> None:
            optimizer.zero_grad()
            self.loss_function(network(image), image).backward()
            optimizer.step()

        return take


class IntrospectiveStep:
    """As :py:class:`imgae_monai.engines.IntrospectiveTrainer` takes them, the encoder's and the decoder's.

    Args:
        encoder_loss: weights of the encoder's terms.
        decoder_loss: weights of the decoder's terms.
    """

    passes = 3.0

    def __init__(self, encoder_loss: IntrospectiveEncoderLoss, decoder_loss: IntrospectiveDecoderLoss) -> None:
        self.encoder_loss = encoder_loss
        self.decoder_loss = decoder_loss

    def __call__(self, network: nn.Module) -> Callable[[torch.Tensor], None]:
        """Args: network: an ``IntrospectiveAutoencoder`` on its device."""
        device = next(network.parameters()).device
        trainer = IntrospectiveTrainer(
            device,
            1,
            [],  # type: ignore[arg-type]
            network,  # type: ignore[arg-type]
            Adam(network.encoder.parameters()),  # type: ignore[union-attr]
            Adam(network.decoder.parameters()),  # type: ignore[union-attr]
            self.encoder_loss,
            self.decoder_loss,
            decollate=False,
        )

        def take(image: torch.Tensor) -> None:
            trainer._iteration(trainer, {"image": image})
            trainer.state.output = None

        return take

"""Train encoder and decoder of a variational autoencoder against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from ignite.metrics import Metric
from monai.engines import IterationEvents, SupervisedTrainer, default_metric_cmp_fn
from monai.transforms import Transform
from monai.utils import CommonKeys as Keys
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from imgae_monai.engines.prepare_batch import prepare_reconstruction
from imgae_monai.exceptions import InputError
from imgae_monai.losses import (
    IntrospectiveDecoderLoss,
    IntrospectiveEncoderLoss,
    ReversedEmbeddingLoss,
    StandardNormalKLLoss,
    SummedSquaredErrorLoss,
)
from imgae_monai.networks.hold import hold_statistics, hold_weights

if TYPE_CHECKING:
    from imgae_monai.networks.nets import IntrospectiveAutoencoder


class IntrospectiveTrainer(SupervisedTrainer):
    """Two steps an iteration: the encoder's with the decoder's weights held, then the decoder's with the encoder's.

    Soft introspective training (Daniel and Tamar 2021, CVPR) with a reversed embedding loss (Bercea et al. 2023, MIDL);
    for the terms see :py:mod:`imgae_monai.losses.introspective`. As in the authors' code, an iteration draws z and z_f
    once for both steps, and a generated image is detached where the encoder reads it in its own step; where the
    encoder's loss compares x^ with its reconstruction, gradient flows through x^ into the encoder.

    **Batch norm.** Every pass is normalised by the statistics of its own batch. The running ones, which inference uses,
    are put on record by the two passes that inference consists of: the encoder's over images, and the decoder's over
    their latent features (in its own step). In the authors' code all passes are, so that at inference images are
    normalised mostly as generated ones. The weights come out the same either way.

    ``engine.state.output`` has ``image``, ``label`` (the target), ``pred`` (x^ as the decoder's step saw it), and as
    scalars ``encoder_loss``, ``decoder_loss``, ``reconstruction`` (rec of the images in the decoder's step), ``kl`` (of
    the images), ``kl_reconstruction`` and ``kl_sample`` (of x^ and x_f, in the decoder's step) and ``embedding``.
    ``loss`` is the loss of the step under way, and in the end the sum of both.

    MONAI's ``IterationEvents`` but ``MODEL_COMPLETED`` fire twice, once a step, and ``optimizer`` is that of the step,
    so that :py:class:`imgae_monai.handlers.NonFiniteLossHandler` and
    :py:class:`imgae_monai.handlers.GradientNormHandler` guard both. ``AdversarialTrainer`` has one loss a network, of
    two networks, and knows no prior to sample from. It is a ``SupervisedTrainer``, its step replaced, since MONAI's
    federated client takes no other trainer; ``loss_function`` is the encoder's.

    Args:
        device: where to train.
        max_epochs: number of epochs.
        train_data_loader: loader of batches with ``image``.
        network: network to train, its modules ``encoder`` and ``decoder`` apart.
        encoder_optimizer: optimizer of ``network.encoder.parameters()``.
        decoder_optimizer: optimizer of ``network.decoder.parameters()``.
        encoder_loss: weights of the encoder's terms.
        decoder_loss: weights of the decoder's terms.
        epoch_length: number of iterations of an epoch. Defaults to the loader's length.
        non_blocking: whether the copy to the device may be asynchronous.
        prepare_batch: gives image and target of a batch. Defaults to the image for both.
        postprocessing: transform of the output.
        key_train_metric: metric by name.
        additional_metrics: further ones.
        metric_cmp_fn: whether a metric's value is better than another.
        train_handlers: handlers to attach.
        decollate: whether to take batch and output apart into lists.
        optim_set_to_none: whether gradients are set to None instead of zero.
        to_kwargs: further arguments of ``prepare_batch``.
        amp: refused when set, as the next two: what a config may ask of any trainer, and this one can't do.
        accumulation_steps: refused above 1.
        compile: refused when set.

    Raises:
        InputError: when one of the last three is asked for.
    """

    network: IntrospectiveAutoencoder

    def __init__(
        self,
        device: torch.device | str,
        max_epochs: int,
        train_data_loader: DataLoader,
        network: IntrospectiveAutoencoder,
        encoder_optimizer: Optimizer,
        decoder_optimizer: Optimizer,
        encoder_loss: IntrospectiveEncoderLoss,
        decoder_loss: IntrospectiveDecoderLoss,
        epoch_length: int | None = None,
        non_blocking: bool = False,
        prepare_batch: Callable = prepare_reconstruction,
        postprocessing: Transform | None = None,
        key_train_metric: dict[str, Metric] | None = None,
        additional_metrics: dict[str, Metric] | None = None,
        metric_cmp_fn: Callable = default_metric_cmp_fn,
        train_handlers: Sequence | None = None,
        decollate: bool = True,
        optim_set_to_none: bool = False,
        to_kwargs: dict | None = None,
        amp: bool = False,
        accumulation_steps: int = 1,
        compile: bool = False,
    ) -> None:
        _check_supported(amp, accumulation_steps, compile)
        super().__init__(
            device=device,
            max_epochs=max_epochs,
            train_data_loader=train_data_loader,
            network=network,
            optimizer=encoder_optimizer,
            loss_function=encoder_loss,
            epoch_length=epoch_length,
            non_blocking=non_blocking,
            prepare_batch=prepare_batch,
            postprocessing=postprocessing,
            key_train_metric=key_train_metric,
            additional_metrics=additional_metrics,
            metric_cmp_fn=metric_cmp_fn,
            train_handlers=train_handlers,
            decollate=decollate,
            optim_set_to_none=optim_set_to_none,
            to_kwargs=to_kwargs,
            accumulation_steps=accumulation_steps,
        )
        self.encoder_optimizer = encoder_optimizer
        self.decoder_optimizer = decoder_optimizer
        self.encoder_loss = encoder_loss
        self.decoder_loss = decoder_loss
        self._rec = SummedSquaredErrorLoss("none")
        self._kl = StandardNormalKLLoss("none")
        self._embedding = ReversedEmbeddingLoss()

    def _iteration(self, engine: IntrospectiveTrainer, batchdata: Mapping[str, Any]) -> dict[str, torch.Tensor]:
        """
        Args:
            engine: the trainer.
            batchdata: a batch.

        Raises:
            ValueError: when there is no batch.
        """
        if batchdata is None:
            raise ValueError("Must provide batch data for current iteration.")
        image, target = engine.prepare_batch(batchdata, engine.state.device, engine.non_blocking, **engine.to_kwargs)
        network = engine.network.train()
        noise = torch.randn(len(image), network.latent_size, device=image.device, dtype=image.dtype)
        engine.state.output = {Keys.IMAGE: image, Keys.LABEL: target}
        with hold_weights(network.decoder):
            z = engine._encoder_step(image, target, noise)
        with hold_weights(network.encoder):
            engine._decoder_step(target, z, noise)
        engine.state.output[Keys.LOSS] = engine.state.output["encoder_loss"] + engine.state.output["decoder_loss"]
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        return engine.state.output  # which decollating has replaced

    def _encoder_step(self, image: torch.Tensor, target: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Take it, and return the images' latent features as they were before, detached."""
        network = self.network
        features, mu, log_var = network.encoder(image)
        z = network.sample(mu, log_var)
        generated_rec, generated_kl, generated_features = [], [], []
        with hold_statistics(network):
            reconstruction = network.decode(z)
            for generated in (reconstruction, network.decode(noise)):
                its_features, its_mu, its_log_var = network.encoder(generated.detach())
                again = network.decode(network.sample(its_mu, its_log_var))
                generated_rec.append(self._rec(again, generated))
                generated_kl.append(self._kl(its_mu, its_log_var))
                generated_features.append(its_features)
        kl, embedding = self._kl(mu, log_var), self._embedding(features, generated_features[0])
        loss = self.encoder_loss(
            self._rec(reconstruction, target), kl, torch.cat(generated_rec), torch.cat(generated_kl), embedding
        )
        terms = {"encoder_loss": loss, "kl": kl.mean(), "embedding": embedding}
        self._step(self.encoder_optimizer, loss, terms, reconstruction)
        return z.detach()

    def _decoder_step(self, target: torch.Tensor, z: torch.Tensor, noise: torch.Tensor) -> None:
        network = self.network
        reconstruction = network.decode(z)
        generated_rec, generated_kl = [], []
        with hold_statistics(network):
            for generated in (reconstruction, network.decode(noise)):
                mu, log_var = network.encode(generated)
                again = network.decode(network.sample(mu, log_var).detach())
                generated_rec.append(self._rec(again, generated.detach()))
                generated_kl.append(self._kl(mu, log_var))
        rec = self._rec(reconstruction, target)
        loss = self.decoder_loss(rec, torch.cat(generated_kl), torch.cat(generated_rec))
        terms = {
            "decoder_loss": loss,
            "reconstruction": rec.mean(),
            "kl_reconstruction": generated_kl[0].mean(),
            "kl_sample": generated_kl[1].mean(),
        }
        self._step(self.decoder_optimizer, loss, terms, reconstruction)

    def _step(
        self, optimizer: Optimizer, loss: torch.Tensor, terms: Mapping[str, torch.Tensor], reconstruction: torch.Tensor
    ) -> None:
        """Step an optimizer, and let handlers see what it steps by."""
        output = self.state.output
        output.update({name: value.detach() for name, value in terms.items()})
        output[Keys.PRED] = reconstruction.detach()
        self.fire_event(IterationEvents.FORWARD_COMPLETED)
        output[Keys.LOSS] = loss
        self.fire_event(IterationEvents.LOSS_COMPLETED)
        self.optimizer = optimizer
        optimizer.zero_grad(set_to_none=self.optim_set_to_none)
        output[Keys.LOSS].backward()
        self.fire_event(IterationEvents.BACKWARD_COMPLETED)
        optimizer.step()


def _check_supported(amp: bool, accumulation_steps: int, compile: bool) -> None:
    asked = {"amp": amp, "accumulation_steps": accumulation_steps > 1, "compile": compile}
    names = [name for name, is_asked in asked.items() if is_asked]
    if names:
        raise InputError(
            f"introspective training takes two steps an iteration and knows no {', '.join(names)}: leave "
            f"{'it' if len(names) == 1 else 'them'} at the default, or train a plain preset"
        )

"""Say which batch would have fitted where a training runs out of memory."""

from __future__ import annotations

import gc
import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.engines import SupervisedTrainer
from torch.optim import Optimizer

from imgae_monai.data.memory import GIGABYTE, available_memory
from imgae_monai.engines.batch_size import fit_batch_size, is_out_of_memory
from imgae_monai.engines.introspective_trainer import IntrospectiveTrainer
from imgae_monai.engines.training_step import IntrospectiveStep, SupervisedStep, TrainingStep
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

_CPU_SHARE = 0.9  # of what is available once the failed step has been freed


def explain_out_of_memory(run: Callable[[Any], None], trainer: SupervisedTrainer, image_shape: Sequence[int]) -> None:
    """Run a trainer; where memory runs out, free what the failed step held, find the batch that fits, and say so.

    On a GPU, and on a CPU under a limit of the process (``ulimit -v``). A Linux kernel that is out of memory kills the
    process instead, without a word. The trainer is of no use after that: its weights and its optimizer's state are
    given up for the trial.

    Args:
        run: runs the trainer.
        trainer: its network, loss, batch size and device are tried.
        image_shape: shape of one image, (C, H, W[, D]).

    Raises:
        InputError: naming the batch size that fits.
    """
    try:
        run(trainer)
    except (RuntimeError, MemoryError) as e:
        if not is_out_of_memory(e):
            raise
        _free(trainer, e)
        raise InputError(_message(trainer, image_shape)) from e


def _free(trainer: SupervisedTrainer, error: BaseException) -> None:
    step: BaseException | None = error
    while step is not None:
        traceback.clear_frames(step.__traceback__)  # they hold the activations
        step = step.__context__
    trainer.state.batch = trainer.state.output = None
    optimizers: list[Optimizer] = [trainer.optimizer]
    if isinstance(trainer, IntrospectiveTrainer):
        optimizers = [trainer.encoder_optimizer, trainer.decoder_optimizer]
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
        optimizer.state.clear()
    gc.collect()
    if torch.device(trainer.state.device).type == "cuda":
        torch.cuda.empty_cache()


def _message(trainer: SupervisedTrainer, image_shape: Sequence[int]) -> str:
    loader: Any = trainer.data_loader
    given = int(loader.batch_size)
    where = f"out of memory on {trainer.state.device} at epoch {trainer.state.epoch} with batches of {given}"
    try:
        fitting = fit_batch_size(
            "auto",
            getattr(trainer.network, "_orig_mod", trainer.network),  # of torch.compile
            None,
            image_shape,
            n_images=8 * given,  # so that up to the given one is tried
            device=trainer.state.device,
            memory_budget=_CPU_SHARE * available_memory() / GIGABYTE,
            in_place=True,
            training_step=_step_of(trainer),
        )
    except InputError:
        return (
            f"{where}: not even one {tuple(image_shape)} image fits into what is left; choose a smaller batch_size, "
            "image_size or preset"
        )
    if 2 * fitting > given:
        return (
            f"{where}, which fits by itself: other programs, or cached images, took the memory. Lower memory_budget or "
            "eval_batch_size, or set batch_size auto; in training, --resume auto goes on from the last resume point"
        )
    mend = f"{where}: {fitting} would fit. Start anew with batch_size {fitting} (or auto)"
    if isinstance(trainer, IntrospectiveTrainer):
        return mend
    images = given * trainer.accumulation_steps
    return f"{mend}; accumulation_steps {-(-images // fitting)} keeps {images} images a step of the optimizer"


def _step_of(trainer: SupervisedTrainer) -> TrainingStep:
    if isinstance(trainer, IntrospectiveTrainer):
        return IntrospectiveStep(trainer.encoder_loss, trainer.decoder_loss)
    return SupervisedStep(trainer.loss_function)

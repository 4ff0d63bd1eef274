"""An epoch's figures, for trackers that are told of them by epoch."""

from __future__ import annotations

from ignite.engine import Engine

from imgae_monai.handlers.training_record import TrainingRecord


def epoch_metrics(engine: Engine, record: TrainingRecord) -> dict[str, float]:
    """``train_loss``, its terms, ``learning_rate`` and, where the epoch was validated, ``val_loss``.

    Args:
        engine: the trainer, at an epoch's end.
        record: its record, which comes first.
    """
    values = {"train_loss": record.train_loss[-1][1], "learning_rate": float(engine.optimizer.param_groups[0]["lr"])}
    values |= {f"train_terms/{name}": terms[-1][1] for name, terms in record.train_terms.items()}
    if record.val_loss and record.val_loss[-1][0] == engine.state.epoch:
        values["val_loss"] = record.val_loss[-1][1]
    return values

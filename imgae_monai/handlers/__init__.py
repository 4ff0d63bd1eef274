"""Handlers beside MONAI's."""

from .atomic_saver import AtomicSaver
from .best_checkpoint_saver import BestCheckpointSaver
from .checked_checkpoint_loader import CheckedCheckpointLoader, check_checkpoint
from .dataset_handler import DatasetHandler
from .early_stop import ValidationEarlyStopHandler
from .evaluation_writer import EvaluationWriter
from .memory_monitor import MemoryMonitor
from .nonfinite_loss import NonFiniteLossHandler
from .prediction_writer import PredictionWriter
from .progress_bar import EpochProgressBar
from .resume_point_saver import ResumePointSaver
from .stop_signals import StopSignalHandler
from .training_record import TrainingRecord

__all__ = [
    "AtomicSaver",
    "BestCheckpointSaver",
    "CheckedCheckpointLoader",
    "DatasetHandler",
    "EpochProgressBar",
    "EvaluationWriter",
    "MemoryMonitor",
    "NonFiniteLossHandler",
    "PredictionWriter",
    "ResumePointSaver",
    "StopSignalHandler",
    "TrainingRecord",
    "ValidationEarlyStopHandler",
    "check_checkpoint",
]

"""Handlers beside MONAI's."""

from .atomic_saver import AtomicSaver
from .auroc_handler import AurocHandler
from .best_checkpoint_saver import BestCheckpointSaver
from .check_trackers import check_trackers
from .checked_checkpoint_loader import CheckedCheckpointLoader, check_checkpoint
from .dataset_handler import DatasetHandler
from .early_stop import ValidationEarlyStopHandler
from .ensemble_saver import EnsembleSaver
from .epoch_seed import EpochSeedHandler
from .evaluation_writer import EvaluationWriter
from .final_checkpoint_saver import FinalCheckpointSaver
from .gradient_accumulation import GradientAccumulationHandler
from .gradient_norm import GradientNormHandler
from .learning_rate import LearningRateHandler
from .localization_recorder import LocalizationRecorder
from .memory_monitor import MemoryMonitor
from .mlflow_tracker import MLFlowTracker, mlflow_address
from .no_model_recorder import NoModelRecorder
from .nonfinite_loss import NonFiniteLossHandler
from .part_writer import PartWriter
from .prediction_writer import PredictionWriter
from .progress_bar import RunProgressBar
from .resume_point_saver import ResumePointSaver
from .run_events import RunEvents
from .run_text import RunTextHandler
from .run_writer import RunWriter
from .shared_gradient import SharedGradientHandler
from .skipped_images_handler import SkippedImagesHandler
from .stop_signals import StopSignalHandler
from .tensorboard_curves import TensorBoardCurves
from .tensorboard_hparams import TensorBoardHParams
from .throughput import Throughput
from .tracker_guard import TrackerGuard
from .training_record import TrainingRecord
from .wandb_tracker import WandBTracker
from .watch import WatchHandler

__all__ = [
    "AtomicSaver",
    "AurocHandler",
    "BestCheckpointSaver",
    "CheckedCheckpointLoader",
    "DatasetHandler",
    "EnsembleSaver",
    "EpochSeedHandler",
    "EvaluationWriter",
    "FinalCheckpointSaver",
    "GradientAccumulationHandler",
    "GradientNormHandler",
    "LearningRateHandler",
    "LocalizationRecorder",
    "MLFlowTracker",
    "MemoryMonitor",
    "NoModelRecorder",
    "NonFiniteLossHandler",
    "PartWriter",
    "PredictionWriter",
    "ResumePointSaver",
    "RunEvents",
    "RunProgressBar",
    "RunTextHandler",
    "RunWriter",
    "SharedGradientHandler",
    "SkippedImagesHandler",
    "StopSignalHandler",
    "TensorBoardCurves",
    "TensorBoardHParams",
    "Throughput",
    "TrackerGuard",
    "TrainingRecord",
    "ValidationEarlyStopHandler",
    "WandBTracker",
    "WatchHandler",
    "check_checkpoint",
    "check_trackers",
    "mlflow_address",
]

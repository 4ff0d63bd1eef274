"""What happens around MONAI's engines: calibration, run folders, versions."""

from .amp import check_amp
from .batch_size import fit_batch_size
from .calibrator import Calibrator, StoredCalibration, calibration_path, load_calibration
from .prepare_batch import prepare_reconstruction
from .run_folder import check_run, check_schedule, check_writable, clear_run, holds_run, latest_checkpoint
from .versions import versions

__all__ = [
    "Calibrator",
    "StoredCalibration",
    "calibration_path",
    "check_amp",
    "check_run",
    "check_schedule",
    "check_writable",
    "clear_run",
    "fit_batch_size",
    "holds_run",
    "latest_checkpoint",
    "load_calibration",
    "prepare_reconstruction",
    "versions",
]

"""What happens around MONAI's engines: calibration, run folders, what a result can be traced to."""

from .batch_size import fit_batch_size
from .calibrator import Calibrator, StoredCalibration, calibration_path, load_calibration
from .check_ids import check_ids
from .check_intensity import check_intensity
from .check_prediction import check_prediction
from .choose_device import choose_device
from .component_fit import ComponentFit
from .config_as_run import config_as_run
from .determinism import make_deterministic
from .elastic import mark_launch, restarted
from .embedded_calibration import EmbeddedCalibration, embed_calibration
from .ensemble_members import check_ensemble, ensemble_members, member_epochs, member_path, members_sha256
from .environment import environment
from .gather import all_gather_state
from .git_state import git_state
from .introspective_trainer import IntrospectiveTrainer
from .model_cost import measure_cost
from .normal_codes import copies_to_vary, fit_codes, thinned
from .out_of_memory import explain_out_of_memory
from .precision import check_amp, choose_precision
from .prepare_batch import prepare_reconstruction, prepare_restoration
from .preset_cost import forward_flops, measure_preset
from .processes import (
    check_same_data,
    is_first_process,
    join_processes,
    largest_everywhere,
    leave_processes,
    local_processes,
    noticing_deaths,
    process_seed,
    smallest_everywhere,
)
from .resume_state import ResumeState
from .run_folder import (
    check_resumable,
    check_run,
    check_schedule,
    check_writable,
    clear_run,
    holds_run,
    latest_checkpoint,
    resume_points,
)
from .run_lock import hold_run, lock_run
from .score_parts import score_parts
from .training_step import IntrospectiveStep
from .versions import versions

__all__ = [
    "Calibrator",
    "ComponentFit",
    "EmbeddedCalibration",
    "IntrospectiveStep",
    "IntrospectiveTrainer",
    "ResumeState",
    "StoredCalibration",
    "all_gather_state",
    "calibration_path",
    "check_amp",
    "check_ensemble",
    "check_ids",
    "check_intensity",
    "check_prediction",
    "check_resumable",
    "check_run",
    "check_same_data",
    "check_schedule",
    "check_writable",
    "choose_device",
    "choose_precision",
    "clear_run",
    "config_as_run",
    "copies_to_vary",
    "embed_calibration",
    "ensemble_members",
    "environment",
    "explain_out_of_memory",
    "fit_batch_size",
    "fit_codes",
    "forward_flops",
    "git_state",
    "hold_run",
    "holds_run",
    "is_first_process",
    "join_processes",
    "largest_everywhere",
    "latest_checkpoint",
    "leave_processes",
    "load_calibration",
    "local_processes",
    "lock_run",
    "make_deterministic",
    "mark_launch",
    "measure_cost",
    "measure_preset",
    "member_epochs",
    "member_path",
    "members_sha256",
    "noticing_deaths",
    "prepare_reconstruction",
    "prepare_restoration",
    "process_seed",
    "restarted",
    "resume_points",
    "score_parts",
    "smallest_everywhere",
    "thinned",
    "versions",
]

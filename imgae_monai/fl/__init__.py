"""Federated training and calibration: images stay where they are, weights and statistics are pooled."""

from .code_moments import CodeMoments
from .fed_avg import fed_avg
from .histogram import round_up
from .message import merge
from .pooled import pooled_calibration
from .site import finish_site, initial_weights, load_client, prepare_site, save_weights, site_calibrator
from .site_calibrator import SiteCalibrator

__all__ = [
    "CodeMoments",
    "SiteCalibrator",
    "fed_avg",
    "finish_site",
    "initial_weights",
    "load_client",
    "merge",
    "pooled_calibration",
    "prepare_site",
    "round_up",
    "save_weights",
    "site_calibrator",
]

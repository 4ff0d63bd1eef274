"""Figures of merit from raw anomaly scores, their intervals and comparisons, and scores that need no model."""

from __future__ import annotations

from imgae_monai.metrics.against_center_prior import center_prior_verdict, compare_with_center_prior
from imgae_monai.metrics.binary import compute_auroc, compute_average_precision, compute_threshold_metrics
from imgae_monai.metrics.bootstrap import bootstrap_auroc_difference, bootstrap_metrics
from imgae_monai.metrics.brier import compute_brier, probability_metrics
from imgae_monai.metrics.center_prior import center_prior, threshold_of_share
from imgae_monai.metrics.curve_bands import CurveBand, compute_curve_bands
from imgae_monai.metrics.decision_difference import decision_difference
from imgae_monai.metrics.delong import delong_covariance, delong_interval, delong_test
from imgae_monai.metrics.effect_sizes import cohen_h, d_prime
from imgae_monai.metrics.holm import holm_adjust
from imgae_monai.metrics.intervals import metrics_with_intervals
from imgae_monai.metrics.linearised import linearised_metrics
from imgae_monai.metrics.linearised_difference import linearised_auroc_difference
from imgae_monai.metrics.localization import compute_localization
from imgae_monai.metrics.localization_bootstrap import bootstrap_localization, bootstrap_localization_difference
from imgae_monai.metrics.mcnemar import mcnemar_test
from imgae_monai.metrics.no_model import image_statistics, mean_distance_scores, pca_residual_scores
from imgae_monai.metrics.optimistic import optimistic_thresholds
from imgae_monai.metrics.partial_auroc import compute_partial_auroc
from imgae_monai.metrics.reliability import expected_calibration_error, reliability_curve
from imgae_monai.metrics.seed_difference import seed_difference, seed_mean
from imgae_monai.metrics.specificity_curve import compute_specificity_curve
from imgae_monai.metrics.subgroups import subgroup_metrics

__all__ = [
    "CurveBand",
    "bootstrap_auroc_difference",
    "bootstrap_localization",
    "bootstrap_localization_difference",
    "bootstrap_metrics",
    "center_prior",
    "center_prior_verdict",
    "cohen_h",
    "compare_with_center_prior",
    "compute_auroc",
    "compute_average_precision",
    "compute_brier",
    "compute_curve_bands",
    "compute_localization",
    "compute_partial_auroc",
    "compute_specificity_curve",
    "compute_threshold_metrics",
    "d_prime",
    "decision_difference",
    "delong_covariance",
    "delong_interval",
    "delong_test",
    "expected_calibration_error",
    "holm_adjust",
    "image_statistics",
    "linearised_auroc_difference",
    "linearised_metrics",
    "mcnemar_test",
    "mean_distance_scores",
    "metrics_with_intervals",
    "optimistic_thresholds",
    "pca_residual_scores",
    "probability_metrics",
    "reliability_curve",
    "seed_difference",
    "seed_mean",
    "subgroup_metrics",
    "threshold_of_share",
]

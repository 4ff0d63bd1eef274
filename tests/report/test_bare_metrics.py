from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, f1_score, roc_auc_score

from imgae_monai.report.bare_metrics import with_metrics
from tests.report.sample import sample_evaluation


def bare(**changes):
    return dataclasses.replace(sample_evaluation(), metrics=None, record=None, **changes)


def test_figures_of_scores_and_of_decisions():
    evaluation = bare()
    metrics = with_metrics(evaluation, n_bootstrap=50).metrics
    assert metrics["auroc"] == pytest.approx(roc_auc_score(evaluation.labels, evaluation.scores))
    assert metrics["f1"] == pytest.approx(f1_score(evaluation.labels, evaluation.decisions))
    assert metrics["auroc_ci95"][0] < metrics["auroc"] < metrics["auroc_ci95"][1]
    assert (metrics["n_normal"], metrics["n_abnormal"], metrics["n_patients"]) == (10, 10, 20)
    assert metrics.get("threshold") is None
    assert metrics.get("config") is None
    told = with_metrics(dataclasses.replace(evaluation, threshold=0.25), n_bootstrap=50).metrics
    assert (told["threshold"], told["threshold_source"]) == (0.25, "the file's own")


def test_without_decisions_there_are_no_figures_of_them():
    metrics = with_metrics(bare(decisions=None), n_bootstrap=50).metrics
    assert metrics["auroc"] is not None
    assert "sensitivity" not in metrics
    assert "f1_ci95" not in metrics


def test_figures_of_probabilities():
    evaluation = bare()
    shares = np.linspace(0, 1, len(evaluation.labels))
    found = with_metrics(dataclasses.replace(evaluation, probabilities=shares), n_bootstrap=50).metrics["probability"]
    assert found["brier"] == pytest.approx(brier_score_loss(evaluation.labels, shares))
    assert found["brier_ci95"][0] < found["brier"] < found["brier_ci95"][1]
    assert sum(b["n"] for b in found["reliability"]) == len(shares)
    assert "probability" not in with_metrics(evaluation, n_bootstrap=50).metrics


def test_an_evaluation_with_metrics_stays_as_it_is():
    evaluation = sample_evaluation()
    assert with_metrics(evaluation) is evaluation

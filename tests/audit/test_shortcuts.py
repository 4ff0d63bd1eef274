from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from imgae_monai.audit import audit_source, measure_shortcuts, no_model_scores
from imgae_monai.audit.measurement import Measurement
from imgae_monai.audit.shortcuts import check_shortcuts
from imgae_monai.data import read_source
from tests.conftest import SHARED

KERMANY = SHARED / "data" / "kermany224"


def test_a_shortcut_counts_whatever_its_sign():
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    scores = {"mean": -3 * labels + rng.normal(size=200), "std": rng.normal(size=200)}
    first, second = measure_shortcuts(scores, labels, [str(i) for i in range(200)])
    assert (first.name, second.name) == ("mean", "std")
    assert first.auroc == pytest.approx(roc_auc_score(labels, scores["mean"]))
    assert first.strength == pytest.approx(1 - first.auroc)
    assert first.strength_interval == pytest.approx((1 - first.interval[1], 1 - first.interval[0]))
    assert first.strength_interval[0] <= first.strength <= first.strength_interval[1]
    (finding,) = check_shortcuts([first, second])
    assert finding.severity == "warning"
    assert len(finding.groups) == 1
    assert "mean grey value (mean): 0.9" in finding.groups[0].detail


def test_chance_is_no_finding():
    labels = np.arange(100) % 2
    scores = {"std": np.random.default_rng(0).normal(size=100)}
    assert check_shortcuts(measure_shortcuts(scores, labels, [str(i) for i in range(100)])) == []


def test_one_class_has_no_shortcuts():
    assert measure_shortcuts({"std": np.arange(4.0)}, [1, 1, 1, 1], list("abcd")) == []


def test_a_score_that_an_image_lacks_is_left_out():
    rng = np.random.default_rng(0)
    full = {"mean": 0.5, "std": 0.1, "minus_file_size": -9.0}
    images = [Measurement("a", statistics=full), Measurement("b", statistics={"mean": 0.4, "std": 0.1})]
    assert no_model_scores([], images).keys() == {"mean", "std"}
    small = [rng.random((8, 8)).astype(np.float16) for _ in range(6)]
    train = [Measurement(str(i), small=s) for i, s in enumerate(small[:4])]
    test = [Measurement(str(i), statistics=full, small=s) for i, s in enumerate(small[4:])]
    scores = no_model_scores(train, test, n_components=2)
    assert scores["l2_to_mean"][0] == pytest.approx(np.sqrt(((small[4] - np.mean(small[:4], 0)) ** 2).mean()), rel=0.01)
    assert {"pca_residual", "pca_residual_clahe_smoothed", "minus_file_size"} <= scores.keys()


@pytest.mark.skipif(not KERMANY.is_dir(), reason=f"the development images are not at {KERMANY}")
def test_the_shortcuts_of_the_development_set_are_found():
    audit = audit_source(read_source(KERMANY), workers=2)
    assert audit.of("error") == []
    found = {s.name: s.strength for s in audit.shortcuts}
    assert found["minus_mean_gradient"] == pytest.approx(0.84, abs=0.01)
    assert found["minus_file_size"] == pytest.approx(0.838, abs=0.001)
    assert found["pca_residual"] == pytest.approx(0.513, abs=0.01)
    assert found["pca_residual_clahe_smoothed"] == pytest.approx(0.853, abs=0.01)
    (finding,) = [f for f in audit.findings if f.kind == "shortcut"]
    assert len(finding.groups) == 3

from __future__ import annotations

import pytest

from imgae_monai.report.content import beats_no_model, level_of
from tests.report.sample import sample_metrics


@pytest.mark.parametrize(("beats", "level"), [(True, "good"), (False, "error"), (None, "warning")])
def test_a_difference_without_an_interval_is_no_failure(beats, level):
    metrics = {**sample_metrics(), "auroc_ci95": [0.81, 0.9]}
    metrics["no_model"]["against_best"]["beats"] = beats
    assert beats_no_model(metrics) is beats
    assert level_of(metrics) == level

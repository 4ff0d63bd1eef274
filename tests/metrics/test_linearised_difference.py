"""The comparison without resampling against DeLong's and against the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.metrics import bootstrap_auroc_difference, delong_test, linearised_auroc_difference


def paired(n=600, seed=0):
    rng = np.random.default_rng(seed)
    patients = rng.integers(0, n // 2, n)
    labels = (rng.random(n // 2) < 0.4).astype(int)[patients]
    common = labels + rng.normal(size=n // 2)[patients]
    return common + rng.normal(size=n), common + 1.5 * rng.normal(size=n), labels, patients


def test_auroc_is_delongs_by_patient():
    data = paired()
    found, expected = linearised_auroc_difference(*data), delong_test(*data)
    assert found["difference"] == pytest.approx(expected["difference"])
    assert found["interval"] == pytest.approx(expected["interval"], abs=5e-4)
    assert found["p_value"] == pytest.approx(expected["p_value"], rel=0.05)


def test_average_precision_is_the_bootstraps():
    data = paired()
    found, expected = linearised_auroc_difference(*data), bootstrap_auroc_difference(*data, n_draws=4000)
    for key in ("difference", "average_precision_difference"):
        assert found[key] == pytest.approx(expected[key])
    assert found["average_precision_interval"] == pytest.approx(expected["average_precision_interval"], abs=4e-3)
    assert found["average_precision_p_value"] == pytest.approx(expected["average_precision_p_value"], abs=0.01)


def test_one_class_is_undefined():
    assert set(linearised_auroc_difference([1, 2], [2, 1], [0, 0], ["p", "q"]).values()) == {None}


def test_scores_of_other_images_are_refused():
    with pytest.raises(ValueError, match="same images; got 2 and 3 scores"):
        linearised_auroc_difference([1, 2], [2, 1, 3], [0, 1], ["p", "q"])

"""Everything that is tested between two models on the same images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scipy.stats import t as student

from imgae_monai.metrics import (
    bootstrap_auroc_difference,
    compute_auroc,
    d_prime,
    decision_difference,
    delong_test,
    holm_adjust,
    linearised_auroc_difference,
)
from imgae_monai.metrics.intervals import MAX_RESAMPLED
from imgae_monai.report.evaluation import Evaluation

POWER = 0.80
LEVEL = 0.05
DECISIONS = ("sensitivity", "specificity", "accuracy")
# where a kind of test is found in a pair; each kind is a family of its own for Holm's correction
_KINDS: tuple[tuple[str, ...], ...] = (
    ("auroc", "delong"),
    ("auroc", "bootstrap"),
    ("average_precision",),
    *(("decisions", name) for name in DECISIONS),
)


def compare_pair(a: Evaluation, b: Evaluation, patients: Any, n_draws: int = 10000, seed: int = 0) -> dict[str, Any]:
    """Compare two models, A minus B; images must be in one order, see :py:func:`imgae_monai.report.same_images.align`.

    Args:
        a: scores of model A.
        b: scores of model B.
        patients: (n,), numbers of the images' patients.
        n_draws: draws of the paired bootstrap over patients; where images x draws are too many, the interval is
            linearised.
        seed: of the draws.

    Returns:
        ``a``, ``b`` (names); ``auroc`` with ``delong`` (by patient), ``bootstrap`` (None where linearised) and
        ``d_prime`` (of each, and the difference); ``average_precision``; ``decisions``, each at the model's own
        threshold, with sensitivity, specificity and accuracy (None where one model has none);
        ``detectable_difference`` of AUROC, see :py:func:`detectable_difference`; and ``interval_method``.
    """
    delong = delong_test(a.scores, b.scores, a.labels, patients)
    resampled = 2 * len(a.scores) * n_draws <= MAX_RESAMPLED
    if resampled:
        drawn = bootstrap_auroc_difference(a.scores, b.scores, a.labels, patients, n_draws=n_draws, seed=seed)
    else:
        drawn = linearised_auroc_difference(a.scores, b.scores, a.labels, patients)
    of_auroc = {key: drawn[key] for key in ("difference", "interval", "p_value")}
    distances = [d_prime(compute_auroc(e.scores, e.labels)) for e in (a, b)]
    decisions = None
    if a.decisions is not None and b.decisions is not None:
        given = a.decisions, b.decisions, a.labels, patients
        decisions = {name: decision_difference(*given, of=name) for name in DECISIONS}
    return {
        "a": a.name,
        "b": b.name,
        "auroc": {
            "delong": delong,
            "bootstrap": of_auroc if resampled else None,
            "d_prime": {
                "a": distances[0],
                "b": distances[1],
                "difference": None if None in distances else distances[0] - distances[1],  # type: ignore[operator]
            },
        },
        "average_precision": {key: drawn[f"average_precision_{key}"] for key in of_auroc},
        "decisions": decisions,
        "detectable_difference": detectable_difference(delong["standard_error"]),
        "interval_method": "bootstrap" if resampled else "linearised",
    }


def detectable_difference(standard_error: float | None, degrees_of_freedom: float = math.inf) -> float | None:
    """The smallest true difference that a study of this size shows four times in five.

    Source: (z_{0.975} + z_{0.80}) SE, as for any estimate with a normal distribution (Obuchowski, "Sample size
    calculations in studies of test accuracy", Statistical Methods in Medical Research 7, 1998). It speaks of this
    number of patients and of models that agree as much as these; it says nothing of whether there is a difference.

    Args:
        standard_error: of the difference; None where it is not known.
        degrees_of_freedom: of the t distribution that the test is by; infinite for the normal one. A few seeds have
            few, and can show little.

    Returns:
        2.80 times the standard error, or more with few degrees of freedom; or None.

    Example:
        >>> round(detectable_difference(0.01), 4)
        0.028
    """
    if standard_error is None:
        return None
    return (
        float(student.isf(LEVEL / 2, degrees_of_freedom) + student.isf(1 - POWER, degrees_of_freedom)) * standard_error
    )


def add_holm(pairs: Sequence[dict[str, Any]], kinds: Sequence[tuple[str, ...]] = _KINDS) -> None:
    """Put ``p_holm`` beside each ``p_value``: corrected over all pairs, within each kind of test.

    Source: :py:func:`imgae_monai.metrics.holm_adjust`.

    Args:
        pairs: changed in place.
        kinds: where each kind of test is found in a pair.
    """
    for kind in kinds:
        tests = [found for pair in pairs if (found := _at(pair, kind)) is not None]
        for test, adjusted in zip(tests, holm_adjust([test["p_value"] for test in tests]), strict=True):
            test["p_holm"] = adjusted


def _at(pair: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    found: Any = pair
    for key in path:
        found = None if found is None else found.get(key)
    return found

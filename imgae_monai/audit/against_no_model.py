"""A model's AUROC beside that of scores which need no model, on the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imgae_monai.audit.shortcuts import MAX_RESAMPLED, measure_shortcuts
from imgae_monai.metrics import bootstrap_auroc_difference, compute_average_precision, delong_test

NOTE = "optimistic, uses test labels: which score is the best, and whether it is turned round; to the model's loss"
_MAX_DRAWS = 2000  # behind the interval of each of the nine scores


def compare_with_no_model(
    no_model: Mapping[str, NDArray[np.float64]],
    scores: ArrayLike,
    labels: Sequence[int],
    patients: Sequence[str],
    n_draws: int = 10000,
    seed: int = 0,
) -> dict[str, Any] | None:
    """Is a model better than the best of the scores that need none? Paired by patient.

    A score whose AUROC is below one half is turned round. Intervals and p value are by bootstrap, of more than 20,000
    images by DeLong's formula.

    Args:
        no_model: scores (n,) by name, see :py:func:`imgae_monai.audit.no_model_scores`.
        scores: the model's, of the same images.
        labels: 0 normal, 1 abnormal.
        patients: their patients.
        n_draws: draws behind the difference, and behind each interval up to 2,000.
        seed: of the draws.

    Returns:
        ``best`` (its name), ``best_strength`` (its AUROC, turned), ``note``, ``scores`` (each as
        :py:class:`imgae_monai.audit.Shortcut`, the strongest first, with the ``average_precision`` of the turned
        score) and ``against_best``: ``difference`` (the model's AUROC minus the best's strength), ``interval``,
        ``p_value``, ``method``, and ``beats``, whether the whole interval is above zero (None where it is undefined).
        None where a class is absent or there is no score.

    Raises:
        ValueError: the model's scores are not finite, or not as many.
    """
    found = measure_shortcuts(dict(no_model), labels, patients, seed, min(n_draws, _MAX_DRAWS))
    if not found:
        return None
    turned = {s.name: no_model[s.name] * (-1 if s.auroc < 0.5 else 1) for s in found}
    best = found[0]
    if len(labels) > MAX_RESAMPLED:
        method, paired = "delong", delong_test(scores, turned[best.name], labels, patients)
    else:
        method = "bootstrap"
        paired = bootstrap_auroc_difference(scores, turned[best.name], labels, patients, n_draws=n_draws, seed=seed)
    against = {key: paired[key] for key in ("difference", "interval", "p_value")}
    beats = None if against["interval"] is None else bool(against["interval"][0] > 0)
    return {
        "best": best.name,
        "best_strength": best.strength,
        "note": NOTE,
        "scores": [
            {**s.to_dict(), "average_precision": compute_average_precision(turned[s.name], labels)} for s in found
        ],
        "against_best": {**against, "method": method, "beats": beats},
    }

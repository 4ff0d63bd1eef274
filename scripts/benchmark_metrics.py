"""Time metrics, intervals and a paired comparison on synthetic scores: what each takes, and the memory of all.

    .venv/bin/python scripts/benchmark_metrics.py [IMAGES] [DRAWS]

IMAGES is 1000000 by default, of a third as many patients; DRAWS > 0 times the patient bootstrap as well (0 by default).
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from imgae_monai import metrics


def timed(name: str, function: Callable, *args: Any, **settings: Any) -> float:
    start = time.perf_counter()
    function(*args, **settings)
    seconds = time.perf_counter() - start
    print(f"{name:28} {seconds:8.2f} s", flush=True)
    return seconds


def main(n_images: int = 1_000_000, n_draws: int = 0) -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(n_images) < 0.5
    a = rng.normal(size=n_images) + labels
    b = a + rng.normal(size=n_images)
    patients = [f"patient {i}" for i in rng.integers(max(2, n_images // 3), size=n_images)]
    total = sum(
        timed(f"{name} of {model}", function, scores, labels, *rest)
        for model, scores in (("A", a), ("B", b))
        for name, function, rest in (
            ("AUROC", metrics.compute_auroc, ()),
            ("average precision", metrics.compute_average_precision, ()),
            ("partial AUROC", metrics.compute_partial_auroc, ()),
            ("threshold metrics", metrics.compute_threshold_metrics, (0.5,)),
            ("linearised intervals", metrics.linearised_metrics, (patients, 0.5)),
            ("DeLong's interval", metrics.delong_interval, (patients,)),
        )
    )
    total += timed("DeLong's paired test", metrics.delong_test, a, b, labels, patients)
    total += timed("McNemar's test", metrics.mcnemar_test, a > 0.5, b > 0.5, labels)
    print(f"{'sum':28} {total:8.2f} s, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB at most")
    if n_draws:
        timed(f"bootstrap, {n_draws} draws", metrics.bootstrap_metrics, a, labels, patients, 0.5, n_draws=n_draws)
        timed("paired bootstrap", metrics.bootstrap_auroc_difference, a, b, labels, patients, n_draws=n_draws)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))

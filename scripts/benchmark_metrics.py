"""Time all that an evaluation and a comparison compute of synthetic scores, read from files, and the memory of it all.

    .venv/bin/python scripts/benchmark_metrics.py [IMAGES] [DRAWS]

IMAGES is 1000000 by default, of a third as many patients with 14 findings; DRAWS is the n_bootstrap, 10000 by default.
"""

from __future__ import annotations

import csv
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from imgae_monai import metrics
from imgae_monai.report.comparison import compare_evaluations
from imgae_monai.report.evaluation import load_evaluation

HEADER = ("image", "label", "patient_id", "score", "decision", "view", "sex", "age", "finding")
FINDINGS = [f"finding {i}" for i in range(14)]


def write_scores(folder: str, n_images: int) -> None:
    """Two models' tables of the same images, the second with noise added to the first one's scores."""
    rng = np.random.default_rng(0)
    labels = rng.random(n_images) < 0.5
    a = rng.normal(size=n_images) + labels
    known = [rng.choice(values, n_images) for values in (["PA", "AP"], ["F", "M"], range(100))]
    patients = rng.integers(max(2, n_images // 3), size=n_images)
    found = rng.integers(len(FINDINGS), size=(n_images, 2))
    for name, scores in (("a", a), ("b", a + rng.normal(size=n_images))):
        with open(Path(folder, f"{name}.csv"), "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for i, (label, score) in enumerate(zip(labels, scores, strict=True)):
                finding = "|".join(FINDINGS[k] for k in sorted({*found[i]})) if label else "No Finding"
                row = [f"images/{i:08d}.png", int(label), f"patient {patients[i]}", float(score), int(score > 0.5)]
                writer.writerow([*row, *(values[i] for values in known), finding])


def read_groups(path: Path) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {name: [] for name in HEADER[5:]}
    with open(path, newline="", encoding="utf-8") as f:
        rows = csv.reader(f)
        next(rows)
        for row in rows:
            for column, value in zip(columns.values(), row[5:], strict=True):
                column.append(sys.intern(value))
    return columns


def timed(name: str, function: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    start, busy = time.perf_counter(), time.process_time()
    result = function(*args, **settings)
    report(name, time.perf_counter() - start, time.process_time() - busy)
    return result


def report(name: str, seconds: float, busy: float) -> None:
    """Time that passed, of the processor, and the most memory so far."""
    print(f"{name:34}{seconds:8.2f} s, of the processor {busy:6.2f} s, {peak_memory():5.2f} GiB at most", flush=True)


def peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(n_images: int = 1_000_000, n_draws: int = 10_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writing = multiprocessing.Process(target=write_scores, args=(folder, n_images))  # its memory is not ours
        writing.start()
        writing.join()
        start, busy = time.perf_counter(), time.process_time()
        evaluations = [timed(f"read {name}.csv", load_evaluation, Path(folder, f"{name}.csv")) for name in "ab"]
        columns = timed("read the subgroups", read_groups, Path(folder, "a.csv"))
    a, b = evaluations
    given = a.scores, a.labels, a.patient_ids
    figures = timed("figures of A", metrics.metrics_with_intervals, *given, 0.5, n_draws=n_draws)
    print(f"  intervals: {figures['interval_method']}")
    groups = timed("its subgroups", metrics.subgroup_metrics, *given, 0.5, columns, n_draws=n_draws)
    print(f"  {len(groups)} groups, intervals: {', '.join(sorted({row['interval_method'] for row in groups}))}")
    timed("thresholds by its labels", metrics.optimistic_thresholds, a.scores, a.labels)
    timed("figures of both, and A against B", compare_evaluations, [a, b], n_draws)
    report("sum", time.perf_counter() - start, time.process_time() - busy)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))

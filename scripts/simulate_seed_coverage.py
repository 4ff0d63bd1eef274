"""How often the interval over seeds holds the truth: python scripts/simulate_seed_coverage.py [STUDIES]

Scores are normal. A patient is hard for all models, more so for some; a seed changes how far the classes are apart, and
adds noise to single patients. The truth is the difference of mean AUROCs over all seeds and patients, in closed form.
"""

from __future__ import annotations

import math
import sys

import numpy as np
from scipy.stats import norm

from imgae_monai.metrics import seed_difference

MEANS = 1.2, 0.9  # how far the classes of two models are apart
OF_MODEL = 0.5  # spread of what a patient is to one model and not to the other
# patients, share of abnormal ones, seeds of each model, spread of the means over seeds, a seed's noise on a patient
SETTINGS = [
    (300, 0.4, 3, 3, 0.15, 0.5),
    (300, 0.4, 3, 3, 0.0, 0.5),
    (300, 0.4, 5, 5, 0.15, 0.5),
    (600, 0.6, 3, 3, 0.3, 0.3),
    (100, 0.5, 3, 3, 0.15, 1.0),
    (300, 0.4, 2, 2, 0.15, 0.5),
    (600, 0.6, 3, 5, 0.05, 0.5),
]


def expected_auroc(mean: float, of_seed: float, noise: float) -> float:
    """Over seeds and patients: a normal of this mean and of all spreads is above 0."""
    return float(norm.cdf(mean / math.sqrt(2 * (1 + OF_MODEL**2 + noise**2) + of_seed**2)))


def main() -> None:
    """Print a line a setting."""
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rng = np.random.default_rng(0)
    print("patients  seeds  spread  noise  coverage  of patients' chance alone  SE found / true")
    for n, prevalence, n_a, n_b, of_seed, noise in SETTINGS:
        labels = (np.arange(n) < prevalence * n).astype(int)
        truth = float(np.subtract(*(expected_auroc(mean, of_seed, noise) for mean in MEANS)))
        held, held_alone, differences, errors = 0, 0, [], []
        for _ in range(studies):
            common = rng.normal(size=n)
            models = []
            for mean, seeds in zip(MEANS, (n_a, n_b), strict=True):
                own = common + OF_MODEL * rng.normal(size=n)
                means = mean + of_seed * rng.normal(size=seeds)
                models.append([m * labels + own + noise * rng.normal(size=n) for m in means])
            found = seed_difference(*models, labels, np.arange(n))
            low, high = found["interval"]
            held += low <= truth <= high
            held_alone += abs(found["difference"] - truth) <= 1.959964 * math.sqrt(found["patient_variance"])
            differences.append(found["difference"])
            errors.append(found["standard_error"])
        ratio = np.mean(errors) / np.std(differences)
        print(
            f"{n:8}  {n_a} + {n_b}  {of_seed:6}  {noise:5}  {held / studies:8.3f}  {held_alone / studies:25.3f}  "
            f"{ratio:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""How large a difference is, in units that do not depend on the number of images."""

from __future__ import annotations

import math

from scipy.stats import norm


def d_prime(auroc: float | None) -> float | None:
    """Separation of two normal distributions of equal spread, in standard deviations, that has this AUROC.

    Source: Green and Swets, "Signal Detection Theory and Psychophysics", 1966; Simpson and Fitter, "What is the best
    index of detectability?", Psychological Bulletin 80, 1973: d = sqrt(2) times the standard normal quantile of the
    AUROC. Unlike the AUROC it does not shrink near 1, so that differences of two of them can be compared.

    Args:
        auroc: in [0, 1], or None.

    Returns:
        d, 0 at chance and negative below; None at 0 and 1, where it is infinite, and for None.

    Example:
        >>> round(d_prime(0.76), 3)  # sqrt(2) x 0.7063
        0.999
    """
    if auroc is None or not 0 < auroc < 1:
        return None
    return math.sqrt(2) * float(norm.ppf(auroc))


def cohen_h(a: float | None, b: float | None) -> float | None:
    """Distance of two proportions on the scale where their spread does not depend on where they are, A minus B.

    Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 6: h = 2 asin(sqrt(a)) -
    2 asin(sqrt(b)); he calls 0.2 small, 0.5 medium and 0.8 large.

    Args:
        a: proportion in [0, 1], or None.
        b: another.

    Returns:
        h from -pi to pi, or None where one is None.

    Example:
        >>> round(cohen_h(0.65, 0.45), 2)
        0.4
    """
    if a is None or b is None:
        return None
    return 2 * math.asin(math.sqrt(a)) - 2 * math.asin(math.sqrt(b))

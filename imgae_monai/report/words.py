"""Sentences that say what the numbers say, and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BOUND = 0.80  # the AUROC that a detector is asked to exceed
LEVEL = 0.05  # of all tests together


def shown_above(interval: Sequence[float] | None, bound: float = BOUND) -> str:
    """Whether a value is above a bound, by its 95 % interval.

    Args:
        interval: (low, high), or None where it is undefined.
        bound: what to exceed.

    Returns:
        ``yes`` where the whole interval is above the bound, ``no`` where it is all below, ``not shown either way``
        where it holds the bound (or ends at it), ``undefined`` without an interval.

    Example:
        >>> shown_above((0.81, 0.9)), shown_above((0.7, 0.79)), shown_above((0.8, 0.9))
        ('yes', 'no', 'not shown either way')
    """
    if interval is None:
        return "undefined"
    low, high = interval
    if low > bound:
        return "yes"
    return "no" if high < bound else "not shown either way"


def auroc_words(name: str, auroc: float | None, interval: Sequence[float] | None, bound: float = BOUND) -> str:
    """Is a model's AUROC above a bound? The answer to the first research question.

    Args:
        name: of the model.
        auroc: its AUROC, None where a class is absent.
        interval: 95 %, (low, high), or None.
        bound: what to exceed.

    Returns:
        one sentence.

    Example:
        >>> auroc_words("unet", 0.645, (0.594, 0.694))
        'Is the AUROC of unet above 0.80? No: 0.645, 95 % interval [0.594, 0.694].'
    """
    question = f"Is the AUROC of {name} above {bound:.2f}?"
    if auroc is None:
        return f"{question} Undefined: the images are of one class only."
    answer = shown_above(interval, bound)
    if interval is None or answer == "undefined":
        return f"{question} Not known: {auroc:.3f}, without an interval."
    said = f"{question} {answer.capitalize()}: {digits(auroc, bound)}, 95 % interval {_between(interval, bound)}."
    if interval[1] < 0.5:
        said += " That is worse than chance: normal images score above abnormal ones."
    return said


def difference_words(
    better: str,
    other: str,
    difference: float | None,
    interval: Sequence[float] | None,
    quantity: str = "AUROC",
    p_holm: float | None = None,
) -> str:
    """Is one model better than another? The answer to the second research question.

    Args:
        better: name of the model that is asked about.
        other: name of the model that it is compared with.
        difference: value of ``better`` minus value of ``other``; None where it is undefined.
        interval: 95 %, (low, high), of that difference; None where it is undefined.
        quantity: what differs.
        p_holm: p value of the same comparison, corrected for the others that were made; None where it is the only one.

    Returns:
        one sentence; no difference is shown where the interval holds zero, or ends at it, or the corrected p value is
        5 % or more.

    Example:
        >>> difference_words("reversed", "unet", 0.02, (-0.01, 0.05))
        'Is reversed better than unet? No difference shown: AUROC differs by +0.020, 95 % interval [-0.010, +0.050].'
    """
    question = f"Is {better} better than {other}?"
    if difference is None:
        return f"{question} Undefined: the images are of one class only."
    if interval is None:
        return f"{question} Not known: {quantity} differs by {difference:+.3f}, without an interval."
    low, high = interval
    answer = "Yes" if low > 0 else f"No, {other} is" if high < 0 else "No difference shown"
    if p_holm is not None and p_holm >= LEVEL:
        answer = "No difference shown"
    corrected = "" if p_holm is None else f", {p_words(p_holm)} by Holm over all comparisons"
    return (
        f"{question} {answer}: {quantity} differs by {digits(difference, 0, '+')}, 95 % interval "
        f"{_between(interval, 0, '+')}{corrected}."
    )


def no_model_words(
    name: str, auroc: float | None, no_model: Mapping[str, Any] | None, reason: str | None = None
) -> str:
    """Does a model beat what needs no model at all on the same images?

    Args:
        name: of the model.
        auroc: its AUROC.
        no_model: ``no_model`` of ``metrics.json``; None where it was not measured.
        reason: why it was not.

    Returns:
        one sentence.
    """
    comparison = (no_model or {}).get("against_best")
    if not no_model or not comparison or auroc is None:
        return f"Whether {name} beats what needs no model is not known: {reason or 'that was not measured'}."
    best, strength = no_model["best"], no_model["best_strength"]
    difference, interval = comparison["difference"], comparison["interval"]
    numbers = f"{best} {digits(strength, auroc)} against {digits(auroc, strength)}"
    if difference is not None and interval is not None:
        numbers += f" (difference {digits(difference, 0, '+')}, 95 % interval {_between(interval, 0, '+')})"
    if comparison["beats"] is None:
        return f"Whether {name} beats what needs no model is not known: {numbers}, without an interval."
    return f"{name} {'beats' if comparison['beats'] else 'does not beat'} what needs no model: {numbers}."


def promise_words(metrics: Mapping[str, Any] | None) -> str | None:
    """Does the threshold keep on these normal images what it promised on the validation's? None where it does.

    Args:
        metrics: ``metrics.json``, or None.

    Returns:
        one sentence where the specificity's whole 95 % interval is beside the one that the threshold was set at.

    Example:
        >>> promise_words({"calibration": {"specificity": 0.95}, "specificity": 0.8, "specificity_ci95": [0.7, 0.9]})
        'The threshold was to keep a specificity of 0.95, and keeps 0.800, 95 % interval [0.700, 0.900]: less.'
    """
    found = metrics or {}
    asked = (found.get("calibration") or {}).get("specificity")
    value, interval = found.get("specificity"), found.get("specificity_ci95")
    if asked is None or value is None or interval is None or interval[0] <= asked <= interval[1]:
        return None
    return (
        f"The threshold was to keep a specificity of {asked:g}, and keeps {value:.3f}, 95 % interval "
        f"{_between(interval, asked)}: {'less' if value < asked else 'more'}."
    )


def notice_words(metrics: Mapping[str, Any] | None) -> str | None:
    """The notice that goes before every number of synthetic data; None for data that are not.

    Args:
        metrics: ``metrics.json``, or None.
    """
    if not metrics or not metrics.get("synthetic"):
        return None
    return str(metrics.get("notice") or "SYNTHETIC DATA: these numbers say nothing about patients.")


def p_words(p_value: float) -> str:
    """A p value as journals print it.

    Example:
        >>> p_words(0.0496), p_words(0.04996), p_words(1e-7)
        ('p = 0.0496', 'p = 0.04996', 'p < 0.001')
    """
    return "p < 0.001" if p_value < 0.001 else f"p = {digits(p_value, LEVEL)}"


def digits(value: float, bound: float, sign: str = "") -> str:
    """A number with three decimals, or with as many as it takes to lie on its side of a bound.

    Example:
        >>> digits(0.79996, 0.8), digits(-0.0002, 0, "+")
        ('0.79996', '-0.0002')
    """
    for places in range(3, 9):
        shown = f"{value:{sign}.{places}f}"
        if (float(shown) > bound) == (value > bound) and (float(shown) < bound) == (value < bound):
            return shown
    return f"{value:{sign}.3g}"


def _between(interval: Sequence[float], bound: float, sign: str = "") -> str:
    return f"[{digits(interval[0], bound, sign)}, {digits(interval[1], bound, sign)}]"

"""Keep a part of a study: by view, sex, age or finding."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from monai.utils import ensure_tuple

from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)

_OLDEST = 120
_MONTHS_A_YEAR, _WEEKS_A_YEAR, _DAYS_A_YEAR = 12, 52, 365


def filter_items(
    items: Sequence[dict[str, Any]],
    views: Sequence[str] | str | None = None,
    sexes: Sequence[str] | str | None = None,
    ages: Sequence[int] | str | None = None,
    findings: Sequence[str] | str | None = None,
) -> list[dict[str, Any]]:
    """Keep the items that pass every filter given; how many each drops is logged.

    Args:
        items: data list, with ``view``, ``sex``, ``age`` or ``finding`` where that filter is given.
        views: views to keep, as ``["PA"]``; case does not matter, here and below.
        sexes: sexes to keep, as ``["F"]``.
        ages: years ``"18-90"`` or ``[18, 90]``, both ends included. Items say ``58``, ``"058Y"`` or ``"011M"``; an age
            above 120, as NIH's table has some, is in no range.
        findings: abnormal items are kept if they have any of these findings (joined by ``|`` in an item); normal ones
            stay.

    Returns:
        a new list in the same order.

    Raises:
        InputError: when an item lacks the field of a filter, a value occurs nowhere, or an age can't be understood.

    Example:
        >>> filter_items([{"label": 0, "view": "PA"}, {"label": 0, "view": "AP"}], views="PA")
        [{'label': 0, 'view': 'PA'}]
    """
    kept = list(items)
    for key, wanted, argument in (("view", views, "views"), ("sex", sexes, "sexes")):
        if wanted is not None:
            kept = _keep(kept, items, argument, key, _one_of(items, argument, key, wanted))
    if ages is not None:
        low, high = parse_ages(ages)
        kept = _keep(kept, items, "ages", "age", lambda item: low <= _years(item) <= high)
    if findings is not None:
        abnormal = [item for item in items if item["label"] == 1]
        chosen = _one_of(abnormal, "findings", "finding", findings)
        kept = _keep(kept, abnormal, "findings", "finding", lambda item: item["label"] == 0 or chosen(item))
    return kept


def _keep(
    kept: list[dict[str, Any]],
    concerned: Sequence[dict[str, Any]],
    argument: str,
    key: str,
    passes: Callable[[dict[str, Any]], bool],
) -> list[dict[str, Any]]:
    lacking = [item for item in concerned if item.get(key) in (None, "")]
    if lacking:
        raise InputError(
            f"{argument} can't be applied: {len(lacking)} of {len(concerned)} images have no {key!r}, "
            f"{lacking[0].get('image')} first; complete the data, or leave {argument} out"
        )
    passed = [item for item in kept if passes(item)]
    logger.info("%s: %d of %d images are left out", argument, len(kept) - len(passed), len(kept))
    return passed


def _one_of(
    items: Sequence[dict[str, Any]], argument: str, key: str, wanted: Sequence[str] | str
) -> Callable[[dict[str, Any]], bool]:
    counts = Counter(part for item in items for part in str(item.get(key) or "").split("|") if part)
    present = {value.casefold() for value in counts}
    unknown = [value for value in ensure_tuple(wanted) if str(value).casefold() not in present]
    # without any value, what is wrong is that the field is lacking
    if unknown and counts:
        listed = ", ".join(f"{value} ({n})" for value, n in sorted(counts.items()))
        raise InputError(f"{argument}: no image has the {key} {unknown[0]!r}; there are {listed}")
    chosen = {str(value).casefold() for value in ensure_tuple(wanted)}
    return lambda item: any(part.casefold() in chosen for part in str(item[key]).split("|"))


def parse_ages(ages: Sequence[int] | str) -> tuple[int, int]:
    """Range of ages in years.

    Raises:
        InputError: when it is not ``"18-90"`` or ``[18, 90]``, within 0 to 120.

    Example:
        >>> parse_ages("18-90")
        (18, 90)
    """
    text = ages if isinstance(ages, str) else "-".join(str(age) for age in ages)
    match = re.fullmatch(r"\s*(\d{1,3})\s*-\s*(\d{1,3})\s*", text)
    if match is None or not int(match[1]) <= int(match[2]) <= _OLDEST:
        raise InputError(f"ages must be a range of years within 0 to {_OLDEST}, as 18-90, got {ages!r}")
    return int(match[1]), int(match[2])


def age_in_years(age: Any) -> int | None:
    """Whole years of an age, None where it is none.

    Example:
        >>> age_in_years(58), age_in_years("058Y"), age_in_years("011M"), age_in_years("")
        (58, 58, 0, None)
    """
    match = re.fullmatch(r"\s*(\d{1,4})(?:\.0)?\s*([YMWD]?)\s*", str(age).upper())
    if match is None:
        return None
    return int(match[1]) // {"M": _MONTHS_A_YEAR, "W": _WEEKS_A_YEAR, "D": _DAYS_A_YEAR}.get(match[2], 1)


def _years(item: dict[str, Any]) -> int:
    years = age_in_years(item["age"])
    if years is None:
        raise InputError(f"age {item['age']!r} of {item.get('image')} is no age: expected years, as 58 or 058Y")
    return years

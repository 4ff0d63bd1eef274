"""Group the images of a set that are copies of one another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from imgae_monai.audit.measurement import Measurement
from imgae_monai.audit.near_duplicates import near_duplicates


@dataclasses.dataclass(frozen=True)
class Copies:
    """Images that show one picture.

    Args:
        members: their indices, in order.
        exact: whether their pixels are the same, and not only nearly so.
        how: what was found the same.
    """

    members: tuple[int, ...]
    exact: bool
    how: str


def find_copies(measurements: Sequence[Measurement]) -> list[Copies]:
    """Group copies: the same bytes or pixels, and nearly the same picture (with the exact copies of each).

    Images that can't be read are left out; of constant images only the same files are copies.

    Args:
        measurements: of the set.

    Returns:
        groups of at least two, exact ones first, each sorted by its first member.
    """
    readable = [i for i, m in enumerate(measurements) if m.error is None]
    same = [
        *_pairs_of_equals((i, measurements[i].sha256) for i in readable),
        *_pairs_of_equals((i, measurements[i].pixel_hash) for i in readable if not measurements[i].constant),
    ]
    exact = _components(same, len(measurements))
    first = {i: group[0] for group in exact for i in group}
    unique = [i for i in readable if first.get(i, i) == i and not measurements[i].constant]
    thumbnails = [t for t in (measurements[i].thumbnail for i in unique) if t is not None]
    near = [(unique[i], unique[j], c) for i, j, c in near_duplicates(np.stack(thumbnails))] if thumbnails else []
    groups = [Copies(group, True, _how_equal([measurements[i] for i in group])) for group in exact]
    copies_of = {group[0]: group for group in exact}
    weakest: dict[int, float] = {}
    for i, _, correlation in near:
        weakest[i] = min(correlation, weakest.get(i, 1.0))
    for group in _components([(i, j) for i, j, _ in near], len(measurements)):
        lowest = min(weakest.get(i, 1.0) for i in group)
        members = sorted(k for i in group for k in copies_of.get(i, (i,)))
        groups.append(Copies(tuple(members), False, f"nearly the same picture (correlation {lowest:.3f} or more)"))
    return groups


def _pairs_of_equals(keys: Iterable[tuple[int, str]]) -> list[tuple[int, int]]:
    first: dict[str, int] = {}
    return [(first[key], i) for i, key in keys if key and first.setdefault(key, i) != i]


def _components(pairs: Sequence[tuple[int, int]], n: int) -> list[tuple[int, ...]]:
    """Connected groups of two or more, sorted."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not pairs:
        return []
    rows, columns = np.array(pairs).T
    labels = connected_components(coo_array((np.ones(len(pairs)), (rows, columns)), shape=(n, n)), directed=False)[1]
    groups: dict[int, list[int]] = {}
    for i in sorted({int(k) for pair in pairs for k in pair}):
        groups.setdefault(int(labels[i]), []).append(i)
    return [tuple(group) for group in groups.values()]


def _how_equal(group: Sequence[Measurement]) -> str:
    hashes = {m.sha256 for m in group}
    return "the same file" if len(hashes) == 1 and "" not in hashes else "the same pixels"

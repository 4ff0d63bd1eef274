"""Properties that hold for any data list, tried on a hundred each."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgae_monai.data import check_disjoint, filter_items, split_validation
from imgae_monai.exceptions import InputError

quick = settings(max_examples=100, deadline=None, derandomize=True)
FRACTIONS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**31 - 1)


@st.composite
def studies(draw, min_patients: int = 2) -> list[dict]:
    """Training images of some patients, of whom some share an image, and a test set."""
    patients = draw(st.integers(min_patients, 12))
    items = []
    for p in range(patients):
        for v in range(draw(st.integers(1, 3))):
            shared = draw(st.one_of(st.none(), st.integers(0, 2))) if draw(st.booleans()) else None
            sha256 = f"{p}_{v}" if shared is None else f"shared{shared}"
            items.append({"image": f"{p}_{v}", "label": 0, "patient_id": f"p{p}", "split": "train", "sha256": sha256})
    for t in range(draw(st.integers(0, 3))):
        items.append({"image": f"t{t}", "label": t % 2, "patient_id": f"t{t}", "split": "test", "sha256": f"t{t}"})
    return items


def components(items: list[dict]) -> list[set[str]]:
    """Training patients by who shares an image with whom, by merging until nothing changes."""
    groups = [{item["patient_id"]} for item in items if item["split"] == "train"]
    owners = defaultdict(set)
    for item in items:
        if item["split"] == "train":
            owners[item["sha256"]].add(item["patient_id"])
    groups += owners.values()
    merged = True
    while merged:
        merged = False
        for i, first in enumerate(groups):
            for j in range(len(groups) - 1, i, -1):
                if first & groups[j]:
                    first |= groups.pop(j)
                    merged = True
    return groups


def split_or_none(items, fraction, seed):
    """None where there are too few patients to split, which must be said."""
    if len(components(items)) < 2:
        with pytest.raises(InputError, match="cannot split validation off 1 normal training patient"):
            split_validation(items, fraction, seed)
        return None
    return split_validation(items, fraction, seed)


@quick
@given(studies(), FRACTIONS, SEEDS)
def test_no_patient_and_no_image_crosses(items, fraction, seed):
    out = split_or_none(items, fraction, seed)
    if out is None:
        return
    check_disjoint(out)
    for key in ("patient_id", "sha256"):
        splits = defaultdict(set)
        for item in out:
            splits[item[key]].add(item["split"])
        assert all(len(found) == 1 for found in splits.values())


@quick
@given(studies(), FRACTIONS, SEEDS)
def test_nothing_but_training_images_moves_and_only_to_validation(items, fraction, seed):
    out = split_or_none(items, fraction, seed)
    if out is None:
        return
    for before, after in zip(items, out, strict=True):
        assert after | {"split": before["split"]} == before
        assert after["split"] in (("train", "val") if before["split"] == "train" else ("test",))


@quick
@given(studies(), FRACTIONS, SEEDS)
def test_the_share_is_kept_within_rounding_and_neither_side_is_empty(items, fraction, seed):
    out = split_or_none(items, fraction, seed)
    if out is None:
        return
    groups = components(items)
    val = {item["patient_id"] for item in out if item["split"] == "val"}
    held_out = sum(group <= val for group in groups)
    assert 1 <= held_out <= len(groups) - 1
    assert abs(held_out - fraction * len(groups)) <= 1


@quick
@given(studies(), FRACTIONS, SEEDS, st.randoms(use_true_random=False))
def test_any_input_order_gives_the_same_split(items, fraction, seed, random):
    out = split_or_none(items, fraction, seed)
    if out is None:
        return
    shuffled = list(items)
    random.shuffle(shuffled)
    by_image = {item["image"]: item["split"] for item in out}
    assert {item["image"]: item["split"] for item in split_validation(shuffled, fraction, seed)} == by_image
    assert split_validation(items, fraction, seed) == out


@quick
@given(studies(), st.sampled_from(["patient_id", "sha256"]), st.data())
def test_any_leak_is_found(items, key, data):
    train = [item for item in items if item["split"] == "train"]
    leaked = data.draw(st.sampled_from(train))
    stranger = {"image": "x", "label": 1, "patient_id": "x", "split": "test", "sha256": "x"} | {key: leaked[key]}
    check_disjoint(items)
    what = {"patient_id": "patient", "sha256": "image"}[key]
    with pytest.raises(InputError, match=rf"^1 {what}\(s\) stand in more than one split.* and x \(test\)"):
        check_disjoint([*items, stranger])


SUBJECTS = st.lists(
    st.fixed_dictionaries(
        {"label": st.integers(0, 1), "view": st.sampled_from(["PA", "AP"]), "age": st.integers(0, 120).map(str)}
    ),
    min_size=1,
    max_size=30,
)


@quick
@given(SUBJECTS, st.integers(0, 60), st.integers(60, 120))
def test_a_filter_keeps_what_fits_in_order_and_again_the_same(items, low, high):
    items = [item | {"image": str(i)} for i, item in enumerate(items)]
    view = items[0]["view"]
    kept = filter_items(items, views=view, ages=f"{low}-{high}")
    assert kept == [item for item in items if item["view"] == view and low <= int(item["age"]) <= high]
    if kept:
        assert filter_items(kept, views=view, ages=[low, high]) == kept

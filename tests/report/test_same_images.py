"""Only the same images are compared, in whatever order and folder."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from imgae_monai.exceptions import InputError
from imgae_monai.report.same_images import BY_FINGERPRINT, BY_NAMES, align
from tests.report.made_up import made_up


def shuffled(evaluation):
    order = np.random.default_rng(1).permutation(len(evaluation.images))
    return dataclasses.replace(
        evaluation,
        images=tuple(evaluation.images[i] for i in order),
        patient_ids=tuple(evaluation.patient_ids[i] for i in order),
        labels=evaluation.labels[order],
        scores=evaluation.scores[order],
        decisions=evaluation.decisions[order],
    )


def test_rows_in_another_order_are_put_in_the_first_ones():
    a, b = made_up("a"), made_up("b", draw=7)
    (same, found), how = align([a, shuffled(b)])
    assert same is a
    assert how == BY_NAMES
    for column in ("images", "patient_ids"):
        assert getattr(found, column) == getattr(b, column)
    for column in ("labels", "scores", "decisions"):
        assert np.array_equal(getattr(found, column), getattr(b, column))


def test_a_folder_that_was_moved_is_no_difference():
    a = made_up("a")
    moved = shuffled(made_up("b", images=tuple(image.replace("/data", "/mnt/copy/of") for image in a.images)))
    found = align([a, moved])[0][1]
    assert found.images == a.images
    assert np.array_equal(found.scores, made_up("b").scores)


def test_bare_file_names_will_do_where_no_two_are_the_same():
    a = made_up("a")
    inside = made_up("a", images=tuple(f"/data/{'odd' if i % 2 else 'even'}/{i:03d}.png" for i in range(len(a.images))))
    bare = shuffled(made_up("b", images=tuple(f"{i:03d}.png" for i in range(len(a.images)))))
    assert align([inside, bare])[0][1].images == inside.images
    twice = made_up("a", images=tuple(f"/data/{i}/{i // 2:03d}.png" for i in range(len(a.images))))
    with pytest.raises(InputError, match="not scored on the same images"):
        align([twice, bare])


def test_what_is_missing_is_named_and_not_all_that_is_there():
    a = made_up("a")
    inside = made_up("a", images=tuple(f"/data/{'odd' if i % 2 else 'even'}/{i:03d}.png" for i in range(len(a.images))))
    bare = made_up("b", images=(*(f"{i:03d}.png" for i in range(len(a.images) - 1)), "other.png"))
    with pytest.raises(
        InputError, match=r"\(59 are in both\); only in \S+ \(a\): 059\.png; only in \S+ \(b\): other\.png$"
    ):
        align([inside, bare])


def test_images_that_only_one_has_are_named():
    a = made_up("a")
    b = made_up("b", images=(*a.images[:-2], "/data/x.png", "/data/y.png"))
    with pytest.raises(InputError) as e:
        align([a, b])
    assert "(58 are in both)" in str(e.value)
    assert "only in /results/a (a): /data/058.png, /data/059.png" in str(e.value)
    assert "only in /results/b (b): /data/x.png, /data/y.png" in str(e.value)
    with pytest.raises(InputError, match=r"only in /results/a \(a\): /data/002.png, .* and 55 more"):
        align([a, made_up("c", n=2)])


def test_labels_that_differ_are_named():
    a = made_up("a")
    labels = a.labels.copy()
    labels[4] = 1
    with pytest.raises(InputError, match=r"004\.png has label 0 in /results/a \(a\) and 1 .* 1 label\(s\) differ"):
        align([a, made_up("b", labels=labels)])


def test_patients_may_have_other_names_but_not_other_images():
    a = made_up("a")
    renamed = tuple(f"case {patient}" for patient in a.patient_ids)
    align([a, made_up("b", patient_ids=renamed)])
    mixed = (*renamed[:-1], renamed[0])
    with pytest.raises(InputError, match=r"059\.png is of patient p29 .* and of case p0"):
        align([a, made_up("b", patient_ids=mixed)])
    split = (*renamed[:-1], "another")
    with pytest.raises(InputError, match=r"059\.png is of patient p29 .* and of another"):
        align([a, made_up("b", patient_ids=split)])


@pytest.mark.parametrize(
    ("first", "second", "how"),
    [
        ({"data_fingerprint": "x"}, {"data_fingerprint": "x"}, BY_FINGERPRINT),
        # of another seed, so with another validation split, but of the same test images
        (
            {"data_fingerprint": "x", "images_fingerprint": "i"},
            {"data_fingerprint": "y", "images_fingerprint": "i"},
            BY_FINGERPRINT,
        ),
        ({"data_fingerprint": "x"}, None, BY_NAMES),
        ({"data_fingerprint": "x"}, {}, BY_NAMES),
    ],
)
def test_fingerprints_are_asked_first(first, second, how):
    assert align([made_up("a", metrics=first), made_up("b", metrics=second)])[1] == how


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"data_fingerprint": "x"}, {"data_fingerprint": "y"}),
        (
            {"data_fingerprint": "x", "images_fingerprint": "i"},
            {"data_fingerprint": "x", "images_fingerprint": "j"},
        ),
    ],
)
def test_other_bytes_under_the_same_names_are_refused(first, second):
    with pytest.raises(InputError, match="the fingerprints of their data differ"):
        align([made_up("a", metrics=first), made_up("b", metrics=second)])

from __future__ import annotations

import logging

import pytest

from imgae_monai.data import filter_items, load_datalist
from imgae_monai.exceptions import InputError
from tests.data.test_nih import release

ITEMS = [
    {"image": "a", "label": 0, "view": "PA", "sex": "F", "age": "058Y", "finding": "No Finding"},
    {"image": "b", "label": 0, "view": "AP", "sex": "M", "age": "011M", "finding": "No Finding"},
    {"image": "c", "label": 1, "view": "PA", "sex": "M", "age": 90, "finding": "Mass|Edema"},
    {"image": "d", "label": 1, "view": "PA", "sex": "F", "age": "414", "finding": "Pneumonia"},
    {"image": "e", "label": 1, "view": "AP", "sex": "F", "age": "18.0", "finding": "Edema"},
]


def kept(items=ITEMS, **filters) -> str:
    return "".join(item["image"] for item in filter_items(items, **filters))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "abcde"),
        ({"views": ["PA"]}, "acd"),
        ({"views": "pa"}, "acd"),
        ({"views": ["PA", "AP"]}, "abcde"),
        ({"sexes": ["F"]}, "ade"),
        ({"ages": "18-90"}, "ace"),
        ({"ages": [18, 89]}, "ae"),
        ({"ages": "0-17"}, "b"),
        ({"ages": "0-120"}, "abce"),  # nobody is 414
        ({"findings": ["Edema"]}, "abce"),
        ({"findings": ["mass", "Pneumonia"]}, "abcd"),
        ({"views": ["PA"], "sexes": "F", "findings": ["Edema"]}, "a"),
    ],
)
def test_items_pass_every_filter(filters, expected):
    assert kept(**filters) == expected


def test_how_many_each_filter_drops_is_logged(caplog):
    caplog.set_level(logging.INFO)
    filter_items(ITEMS, views="PA", sexes="F")
    assert "views: 2 of 5 images are left out" in caplog.text
    assert "sexes: 1 of 3 images are left out" in caplog.text


@pytest.mark.parametrize("key", ["view", "sex", "age", "finding"])
def test_items_without_the_field_are_not_dropped_silently(key):
    wanted = {"view": ("views", "PA"), "sex": ("sexes", "F"), "age": ("ages", "0-99"), "finding": ("findings", "Mass")}
    argument, value = wanted[key]
    n = 3 if key == "finding" else 5  # normal images need no finding
    items = [{k: v for k, v in item.items() if k != key} for item in ITEMS]
    with pytest.raises(InputError, match=rf"{argument} can't be applied: {n} of {n} images have no '{key}', . first"):
        filter_items(items, **{argument: value})


def test_one_item_without_the_field_is_enough():
    items = [*ITEMS[:3], ITEMS[3] | {"view": ""}]
    with pytest.raises(InputError, match="views can't be applied: 1 of 4 images have no 'view', d first"):
        filter_items(items, views="PA")


def test_an_unknown_value_lists_those_present():
    with pytest.raises(InputError, match=r"views: no image has the view 'PAX'; there are AP \(2\), PA \(3\)"):
        filter_items(ITEMS, views=["PA", "PAX"])
    with pytest.raises(InputError, match=r"findings: .*'Hernia'; there are Edema \(2\), Mass \(1\), Pneumonia \(1\)"):
        filter_items(ITEMS, findings="Hernia")


@pytest.mark.parametrize("ages", ["18", "90-18", "18-200", "18 to 90", [18], [18, 50, 90], "-5-18", ""])
def test_a_range_of_ages_is_checked(ages):
    with pytest.raises(InputError, match="ages must be a range of years within 0 to 120, as 18-90, got"):
        filter_items(ITEMS, ages=ages)


@pytest.mark.parametrize("age", ["old", "58Z", "5.5", "-3", "058YY"])
def test_an_age_that_is_none_is_named(age):
    with pytest.raises(InputError, match=r"age '.*' of a is no age: expected years, as 58 or 058Y"):
        filter_items([ITEMS[0] | {"age": age}], ages="0-99")


@pytest.mark.parametrize(("age", "years"), [("023M", 1), ("104W", 2), ("364D", 0), ("058y", 58), (" 7 ", 7)])
def test_units_of_age(age, years):
    assert kept([ITEMS[0] | {"age": age}], ages=[years, years]) == "a"


def test_a_filter_changes_the_fingerprint(tmp_path):
    root = release(tmp_path / "nih")
    table = root / "Data_Entry_2017.csv"
    table.write_text(
        table.read_text(encoding="utf-8").replace("5_0.png,Pneumonia,0,5,55,M,PA", "5_0.png,Pneumonia,0,5,55,M,AP")
    )
    whole, part = load_datalist(root), load_datalist(root, views="PA")
    assert len(whole.items) - len(part.items) == 1
    assert whole.fingerprint != part.fingerprint
    assert load_datalist(root, findings=["Mass"]).counts["test"] == {"normal": 1, "abnormal": 1}
    with pytest.raises(InputError, match="no image passes the filters"):
        load_datalist(root, ages="0-5")

from __future__ import annotations

import math
from pathlib import Path

import pytest

from imgae_monai.data.patients import name_patients, patient_from_name, to_patient
from imgae_monai.exceptions import InputError


@pytest.mark.parametrize("value", [None, math.nan, "", " ", "nan", "NaN", "None", "null", "<NA>"])
def test_what_tables_write_for_a_missing_value_is_no_patient(value):
    assert to_patient(value) is None


@pytest.mark.parametrize(("value", "patient"), [(0, "0"), (7.0, "7"), (7.5, "7.5"), ("Nancy", "Nancy"), (" p1", " p1")])
def test_every_other_value_is_one(value, patient):
    assert to_patient(value) == patient


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", r"'\(' is not a regular expression"), ("q", r"'q' does not match .* 'a\.png'")]
)
def test_a_wrong_pattern_is_refused(pattern, message):
    with pytest.raises(InputError, match=message):
        patient_from_name(Path("q/a.png"), pattern)


def test_only_unknown_patients_are_named_unless_all_are_asked_for():
    items = [
        {"image": "/d/p1_0.png", "patient_id": "x"},
        {"image": "/d/p2.nii.gz#2/7", "patient_id": "/d/p2.nii.gz", "patient_known": False},
    ]
    assert [i["patient_id"] for i in name_patients(items, r"p\d+")] == ["x", "p2"]
    assert [i["patient_id"] for i in name_patients(items, r"p\d+", every=True)] == ["p1", "p2"]
    assert not any("patient_known" in i for i in name_patients(items, r"p\d+"))
    assert items[1]["patient_known"] is False


def test_a_pattern_that_names_nobody_is_told(caplog):
    items = [{"image": "/d/p1.arrow#8/image", "patient_id": "x"}]
    assert name_patients(items, "p1") == items
    assert "patient_pattern 'p1' names nobody: the source tells every image's patient itself" in caplog.text


@pytest.mark.parametrize("image", ["hf://owner/p1#train/8", "/d/p1.arrow#8/image", "/d/p1.npy#8"])
def test_a_row_of_a_table_has_no_file_name(image):
    items = [{"image": image, "patient_id": "train/8", "patient_known": False}]
    with pytest.raises(InputError, match=rf"patient_pattern 'p1' cannot name the patient of {image}, a row of a table"):
        name_patients(items, "p1")

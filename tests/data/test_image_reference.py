from __future__ import annotations

from pathlib import Path

import pytest

from imgae_monai.data import reference_name, split_reference


@pytest.mark.parametrize(
    ("image", "path", "fragment", "name"),
    [
        ("a/b.png", "a/b.png", "", "b"),
        ("a/odd#1.png", "a/odd#1.png", "", "odd#1"),
        ("a/x.npy#17", "a/x.npy", "17", "x_17"),
        ("a#b/x.nii.gz#2/40", "a#b/x.nii.gz", "2/40", "x_2_40"),
        ("a/x.NII", "a/x.NII", "", "x"),
        ("p.parquet#8/image", "p.parquet", "8/image", "p_8_image"),
        ("1.2.3.dcm", "1.2.3.dcm", "", "1.2.3"),
        ("1.2.840.113", "1.2.840.113", "", "1.2.840.113"),
        ("plain", "plain", "", "plain"),
        (".npy", ".npy", "", ".npy"),
    ],
)
def test_a_reference_is_a_path_and_a_place_inside_it(image, path, fragment, name):
    assert split_reference(image) == (Path(path), fragment)
    assert split_reference(Path(image)) == (Path(path), fragment)
    assert reference_name(image) == name

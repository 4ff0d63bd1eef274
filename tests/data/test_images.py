from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgae_monai.data import image_items, is_synthetic, list_images, split_readable
from imgae_monai.exceptions import InputError
from tests.data.medical_files import dicom, nifti


def images(root: Path, *names: str) -> list[str]:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), 100).save(root / name)
    return [str(root / name) for name in names]


def paths(items) -> list[str]:
    assert all(item["image"] == item["image_path"] for item in items)
    return [item["image"] for item in items]


def test_folders_are_searched_to_any_depth_and_sorted(tmp_path):
    images(tmp_path, "c.png", "a/b/d.JPG", "a/z.jpeg", "b.bmp")
    for odd in ("notes.txt", "scan.tif", "a/Thumbs.db"):
        (tmp_path / odd).touch()
    assert paths(list_images(tmp_path)) == [str(tmp_path / n) for n in ("a/b/d.JPG", "a/z.jpeg", "b.bmp", "c.png")]


@pytest.mark.parametrize("given", [str, Path])
def test_one_path_or_several_in_the_order_given(tmp_path, given):
    second, first = images(tmp_path, "2.png", "1.png")
    assert paths(list_images(given(second))) == [second]
    assert paths(list_images([given(second), given(first)])) == [second, first]


def test_each_file_comes_once(tmp_path):
    second, first = images(tmp_path, "x/2.png", "x/1.png")
    assert paths(list_images([second, tmp_path, tmp_path / "x", second])) == [second, first]


def test_home_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = images(tmp_path, "a.png")
    assert paths(list_images("~/a.png")) == paths(list_images("~")) == expected


def test_a_missing_path_is_named(tmp_path):
    (present,) = images(tmp_path, "a.png")
    with pytest.raises(InputError, match=r"gone\.png does not exist"):
        list_images([present, tmp_path / "gone.png"])


def test_nothing_found_is_refused(tmp_path):
    (tmp_path / "scan.tif").touch()
    with pytest.raises(InputError, match=r"no images \(\.png, .*\.bmp, \.dcm, .*\.nii\.gz\) under \['"):
        list_images(tmp_path)
    with pytest.raises(InputError, match=r"no images .* under \[\]"):
        list_images([])


def test_a_file_named_by_hand_is_kept_whatever_its_type(tmp_path):
    (tmp_path / "scan.tif").touch()
    assert paths(list_images(tmp_path / "scan.tif")) == [str(tmp_path / "scan.tif")]


def test_unreadable_images_are_told_from_the_rest(tmp_path):
    good = images(tmp_path, "a.png", "b.jpg", "c.png")
    whole = Path(good[2]).read_bytes()
    bad = {"empty.png": b"", "text.png": b"text", "cut.png": whole[:-20], "scan.dcm": whole, "slide.tif": whole}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    named = [tmp_path / name for name in ("a.png", *bad, "b.jpg", "gone.png", "c.png")]
    readable, refused = split_readable(named)
    assert readable == good
    reasons = {Path(path).name: reason for path, reason in refused.items()}
    assert set(reasons) == {*bad, "gone.png"}
    assert "the file is empty (0 bytes)" in reasons["empty.png"]
    assert "cannot identify image file" in reasons["text.png"]
    assert "truncated" in reasons["cut.png"]
    assert "no DICOM file" in reasons["scan.dcm"]
    assert "type '.tif'" in reasons["slide.tif"]
    assert "no such file" in reasons["gone.png"]
    assert all(f"cannot read {path}: " in reason for path, reason in refused.items())


def test_all_readable_or_none(tmp_path):
    files = images(tmp_path, "a.png", "b.png")
    assert split_readable(files) == (files, {})
    for path in files:
        Path(path).write_bytes(b"")
    readable, refused = split_readable(files)
    assert readable == []
    assert list(refused) == files


def test_a_folder_names_image_types_that_are_not_read(tmp_path):
    files = images(tmp_path, "a.png")
    for name in ("scan.mha", "slide.tif", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    readable, refused = split_readable([tmp_path, files[0]])
    assert readable == files
    assert {Path(path).name for path in refused} == {"scan.mha", "slide.tif"}


def test_a_folder_without_images_is_named(tmp_path):
    assert "holds no images" in split_readable([tmp_path])[1][str(tmp_path)]


def test_phantoms_are_known_at_any_depth(tmp_path):
    (tmp_path / "set" / "test" / "normal").mkdir(parents=True)
    (path,) = images(tmp_path / "set" / "test" / "normal", "a.png")
    assert not is_synthetic(path)
    (tmp_path / "set" / "synthetic.json").touch()
    assert is_synthetic(path)


def test_dicom_and_nifti_are_found_and_volumes_refused_where_the_network_is_flat(tmp_path):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    dicom(tmp_path / "b.dcm", np.arange(20, dtype=np.uint8).reshape(4, 5)).rename(tmp_path / "IM1")
    nifti(tmp_path / "c.nii.gz", np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    both = [str(tmp_path / name) for name in ("IM1", "c.nii.gz")]
    assert paths(list_images(tmp_path)) == both
    assert split_readable([tmp_path]) == (both, {})
    readable, refused = split_readable([tmp_path], spatial_dims=2)
    assert readable == both[:1]
    assert "c.nii.gz: it is a volume, shape (4, 3, 5), expected 2 axes; give slice_axis" in refused[both[1]]
    readable, refused = split_readable([tmp_path], spatial_dims=3)
    assert readable == both[1:]
    assert "IM1: it is 2-D, shape (4, 5), expected 3 axes" in refused[both[0]]


def test_what_one_window_refuses_another_may_read(tmp_path):
    pytest.importorskip("pydicom", reason="needs the extra dicom")
    path = dicom(tmp_path / "a.dcm", np.arange(20, dtype=np.uint8).reshape(4, 5), WindowCenter=1, WindowWidth=0)
    assert list(split_readable([path])[1]) == [str(path)]
    assert split_readable([path], "full") == ([str(path)], {})


def test_lists_of_images_stand_beside_files_and_folders(tmp_path):
    first, second, third = images(tmp_path, "x/1.png", "x/2.png", "3.png")
    (tmp_path / "list.csv").write_text("image,label,patient_id\n3.png,1,p\n")
    assert image_items([tmp_path / "x", tmp_path / "list.csv"]) == [
        {"image": first},
        {"image": second},
        {"image": third, "label": 1, "patient_id": "p"},
    ]
    assert paths(list_images([tmp_path / "list.csv", first])) == [third, first]
    assert split_readable([tmp_path / "list.csv", first]) == ([third, first], {})


def test_what_is_named_twice_comes_once_with_all_that_is_known(tmp_path, caplog):
    (tmp_path / "a.csv").write_text("image,label\nx.png,1\ny.png,\n")
    (tmp_path / "b.csv").write_text("image,label,patient_id\nx.png,1,p\n")
    x, y = str(tmp_path / "x.png"), str(tmp_path / "y.png")
    expected = [{"image": x, "label": 1, "patient_id": "p"}, {"image": y}]
    assert image_items([tmp_path / "a.csv", tmp_path / "b.csv"]) == expected
    assert caplog.messages == ["1 image(s) are named more than once: each is scored once"]


@pytest.mark.parametrize(
    ("column", "first", "second"), [("label", 0, 1), ("patient_id", "p", "q"), ("split", "val", "t")]
)
def test_an_image_with_two_labels_patients_or_splits_is_refused(tmp_path, column, first, second):
    (tmp_path / "a.csv").write_text(f"image,{column}\nx.png,{first}\nx.png,{second}\n")
    with pytest.raises(InputError, match=rf"x\.png is listed twice, with {column} {first!r} and {second!r}: leave one"):
        image_items(tmp_path / "a.csv")


def test_listed_images_need_not_exist_until_they_are_read(tmp_path):
    (tmp_path / "a.txt").write_text("gone.png\n")
    assert image_items(tmp_path / "a.txt") == [{"image": str(tmp_path / "gone.png")}]
    readable, refused = split_readable([tmp_path / "a.txt"])
    assert readable == []
    assert refused == {str(tmp_path / "gone.png"): f"cannot read {tmp_path / 'gone.png'}: no such file"}


def test_files_of_a_folder_whose_type_is_not_read_are_named(tmp_path, caplog):
    images(tmp_path, "a.png")
    (tmp_path / "scan.tif").touch()
    assert len(image_items(tmp_path)) == 1
    assert caplog.messages == [
        f"{tmp_path}: 1 file(s) are left out, their type is not read: {tmp_path / 'scan.tif'} ..."
    ]

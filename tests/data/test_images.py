from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from imgae_monai.data import list_images, split_readable
from imgae_monai.exceptions import InputError


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
    for odd in ("notes.txt", "scan.dcm", "a/Thumbs.db"):
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
    (tmp_path / "scan.dcm").touch()
    with pytest.raises(InputError, match=r"no images \(\.png, \.jpg, \.jpeg, \.bmp\) under \['"):
        list_images(tmp_path)
    with pytest.raises(InputError, match=r"no images .* under \[\]"):
        list_images([])


def test_a_file_named_by_hand_is_kept_whatever_its_type(tmp_path):
    (tmp_path / "scan.dcm").touch()
    assert paths(list_images(tmp_path / "scan.dcm")) == [str(tmp_path / "scan.dcm")]


def test_unreadable_images_are_told_from_the_rest(tmp_path):
    good = images(tmp_path, "a.png", "b.jpg", "c.png")
    whole = Path(good[2]).read_bytes()
    bad = {"empty.png": b"", "text.png": b"text", "cut.png": whole[:-20], "scan.dcm": whole}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    items = [{"image": str(tmp_path / name), "label": 1} for name in ("a.png", *bad, "b.jpg", "gone.png", "c.png")]
    readable, refused = split_readable(items)
    assert readable == [{"image": path, "label": 1} for path in good]
    reasons = {Path(path).name: reason for path, reason in refused.items()}
    assert set(reasons) == {*bad, "gone.png"}
    assert "the file is empty (0 bytes)" in reasons["empty.png"]
    assert "cannot identify image file" in reasons["text.png"]
    assert "truncated" in reasons["cut.png"]
    assert "type '.dcm'" in reasons["scan.dcm"]
    assert "no such file" in reasons["gone.png"]
    assert all(f"cannot read {path}: " in reason for path, reason in refused.items())


def test_all_readable_or_none(tmp_path):
    items = list_images(images(tmp_path, "a.png", "b.png"))
    assert split_readable(items) == (items, {})
    for path in paths(items):
        Path(path).write_bytes(b"")
    readable, refused = split_readable(items)
    assert readable == []
    assert list(refused) == paths(items)

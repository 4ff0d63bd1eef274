from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from imgae_monai.data import load_datalist
from imgae_monai.data.header_check import check_headers
from imgae_monai.exceptions import InputError
from tests.conftest import SHARED

SAMPLES = SHARED / "data" / "io_samples"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.png", b"<html>not found</html>", "its header is no picture"),
        ("a.jpg", b"\xff\xd8", "its header is no picture"),
        ("a.dcm", b"\0" * 200, "no DICM mark at byte 128"),
        ("a.nii.gz", b"plain", "not compressed by gzip"),
        ("a.npy#3", b"PK\3\4", "no NumPy mark"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_named(name, content, reason, tmp_path):
    (tmp_path / name.partition("#")[0]).write_bytes(content)
    with pytest.raises(InputError, match=rf"1 file\(s\) can't be read: .*/{name.partition('#')[0]} \({reason}\)"):
        check_headers([{"image": str(tmp_path / name)}])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.png \(No such file or directory\)"):
        check_headers([{"image": str(tmp_path / "gone.png")}])


def test_good_files_and_streams_pass(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    np.save(tmp_path / "b.npy", np.zeros((3, 4, 4)))
    check_headers([{"image": str(tmp_path / "a.png")}, {"image": f"{tmp_path}/b.npy#1"}, {"image": "hf://a/b#train/0"}])


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"the sample files are not at {SAMPLES}")
def test_real_files_pass():
    files = [p for p in SAMPLES.rglob("*") if p.suffix in (".dcm", ".png", ".jpg", ".jpeg", ".gz", ".nii")]
    assert len(files) > 15
    check_headers([{"image": str(path)} for path in files])


def test_training_refuses_such_a_file_by_name(phantoms, tmp_path):
    for place in ("train", "val", "test"):
        (tmp_path / place / "normal").mkdir(parents=True)
        for source in sorted((phantoms / place / "normal").glob("*.png"))[:2]:
            (tmp_path / place / "normal" / source.name).write_bytes(source.read_bytes())
    (tmp_path / "train" / "normal" / "page.png").write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"train/normal/page\.png \(its header is no picture\)"):
        load_datalist(tmp_path)

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import pytest

from imgae_monai.data import add_hashes, datalist_fingerprint, file_sha256
from imgae_monai.exceptions import InputError


def items() -> list[dict[str, Any]]:
    return [
        {"image": f"{i}.png", "sha256": f"{i}" * 64, "label": i % 2, "split": "test", "patient_id": f"p{i}"}
        for i in range(4)
    ]


@pytest.mark.parametrize("size", [0, 5, 1 << 20, (1 << 20) + 1])
def test_file_hash_agrees_with_hashlib(tmp_path, size):
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    (tmp_path / "a").write_bytes(content)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_file_hash_of_the_standards_example(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(str(tmp_path / "a")) == expected


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*gone\.png: No such file or directory"):
        file_sha256(tmp_path / "gone.png")
    with pytest.raises(InputError, match=r"cannot read .*: Is a directory"):
        file_sha256(tmp_path)


def test_hashes_are_added_in_order_to_copies(tmp_path):
    given = []
    for i in range(20):
        (tmp_path / f"{i}").write_bytes(bytes([i]) * (1000 * (20 - i)))
        given.append({"image": str(tmp_path / f"{i}"), "label": i})
    hashed = add_hashes(given)
    expected = [hashlib.sha256(bytes([i]) * (1000 * (20 - i))).hexdigest() for i in range(20)]
    assert [item["sha256"] for item in hashed] == expected
    assert [item["label"] for item in hashed] == list(range(20))
    assert all("sha256" not in item for item in given)


def test_an_unreadable_image_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"a")
    with pytest.raises(InputError, match=r"cannot read .*b\.png"):
        add_hashes([{"image": str(tmp_path / "a.png")}, {"image": str(tmp_path / "b.png")}])


def test_neither_order_nor_path_matters():
    expected = datalist_fingerprint(items())
    for order in itertools.permutations(range(4)):
        shuffled = [items()[i] | {"image": f"/elsewhere/{i}.png", "view": "PA"} for i in order]
        assert datalist_fingerprint(shuffled) == expected


@pytest.mark.parametrize(
    "change", [{"sha256": "f" * 64}, {"label": 1}, {"split": "val"}, {"patient_id": "p1"}, {"patient_id": ""}]
)
def test_content_label_split_and_patient_matter(change):
    changed = items()
    changed[0] |= change
    assert datalist_fingerprint(changed) != datalist_fingerprint(items())


def test_number_of_images_matters():
    fingerprints = [datalist_fingerprint(items()[:n]) for n in range(5)]
    assert len(set(fingerprints)) == 5
    assert datalist_fingerprint([*items(), items()[0]]) != fingerprints[4]


def test_an_empty_file_is_named(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match=r"a\.png: the file is empty \(0 bytes\)"):
        add_hashes([{"image": str(tmp_path / "a.png")}])


def test_images_of_one_container_have_hashes_of_their_own(tmp_path):
    (tmp_path / "v.nii.gz").write_bytes(b"volume")
    images = [f"{tmp_path / 'v.nii.gz'}#2/{k}" for k in (0, 1)]
    whole = hashlib.sha256(b"volume").hexdigest()
    expected = [hashlib.sha256(f"{whole}#2/{k}".encode()).hexdigest() for k in (0, 1)]
    hashed = add_hashes([{"image": image} for image in (*images, str(tmp_path / "v.nii.gz"))])
    assert [item["sha256"] for item in hashed] == [*expected, whole]
    assert [item["volume_sha256"] for item in hashed] == [whole] * 3


def test_only_a_volume_has_a_volumes_hash(tmp_path):
    (tmp_path / "a.png").write_bytes(b"abc")
    given = [
        {"image": image, "sha256": "a", "volume_sha256": "told"}
        for image in (str(tmp_path / "a.png"), "hf://a/b?streaming=true#train/0")
    ]
    assert all("volume_sha256" not in item for item in add_hashes(given))


def test_only_an_image_of_a_stream_keeps_its_hash(tmp_path):
    (tmp_path / "a.png").write_bytes(b"abc")
    given = [
        {"image": image, "sha256": "told"} for image in (str(tmp_path / "a.png"), "hf://a/b?streaming=true#train/0")
    ]
    assert [item["sha256"] for item in add_hashes(given)] == [hashlib.sha256(b"abc").hexdigest(), "told"]

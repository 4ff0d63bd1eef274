"""The list of large files is what MONAI downloads by."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys

import pytest
import torch
import yaml
from monai.apps.utils import HashCheckError
from monai.bundle import download_large_files, load

from imgae_monai.exceptions import InputError
from imgae_monai.verify import LargeFile, read_large_files, write_large_files
from imgae_monai.verify.files import check_large_files
from tests.conftest import BUNDLES, REPO

SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


def write(bundle, text: str) -> None:
    (bundle / "large_files.yml").write_text(text)


@pytest.fixture
def published(runs, tmp_path):
    """A run without its weights, which are elsewhere, and listed."""
    bundle = shutil.copytree(runs["unet_autoencoder"], tmp_path / "published")
    write_large_files(bundle, ["models/model.pt"], (tmp_path / "server").as_uri())
    (tmp_path / "server").mkdir()
    (bundle / "models" / "model.pt").rename(tmp_path / "server" / "model.pt")
    return bundle


@pytest.mark.parametrize("name", BUNDLES)
def test_the_bundles_list_nothing_and_monai_downloads_nothing(name, tmp_path):
    assert read_large_files(REPO / "bundles" / name) == []
    shutil.copy(REPO / "bundles" / name / "large_files.yml", tmp_path)
    download_large_files(bundle_path=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["large_files.yml"]


def test_what_is_written_is_of_the_zoos_form(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model v1.pt").write_bytes(b"abc")
    path = write_large_files(tmp_path, ["models/model v1.pt"], "https://example.org/weights/")
    assert yaml.safe_load(path.read_text()) == {
        "large_files": [
            {
                "path": "models/model v1.pt",
                "url": "https://example.org/weights/model%20v1.pt",
                "hash_val": SHA256_OF_ABC,
                "hash_type": "sha256",
            }
        ]
    }


def test_what_is_not_there_is_not_listed(tmp_path):
    with pytest.raises(InputError, match=r"model\.pt is not there"):
        write_large_files(tmp_path, ["models/model.pt"], "https://example.org")
    assert list(tmp_path.iterdir()) == []


def test_monais_command_fetches_what_is_listed(published, runs, tmp_path):
    command = [sys.executable, "-m", "monai.bundle", "download_large_files", "--bundle_path", str(published)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    network = load(
        name=published.name, bundle_dir=str(published.parent), source="github", workflow_type="inference"
    ).eval()
    original = torch.load(runs["unet_autoencoder"] / "models" / "model.pt", weights_only=True)
    assert all(torch.equal(value, original[key]) for key, value in network.state_dict().items())


def test_a_file_that_has_changed_is_refused(published, tmp_path):
    with (tmp_path / "server" / "model.pt").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(HashCheckError, match="hash check of downloaded file failed"):
        download_large_files(bundle_path=str(published))
    assert not (published / "models" / "model.pt").exists()


@pytest.mark.parametrize("there", [True, False])
def test_the_check_fetches_into_its_own_folder(there, subject, tmp_path):
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "model.pt").write_bytes(b"abc")
    digest = hashlib.sha256(b"abc").hexdigest()
    listed = {"path": "models/model.pt", "url": (tmp_path / "server" / "model.pt").as_uri(), "hash_val": digest}
    write(subject.folder, yaml.safe_dump({"large_files": [listed]}))
    if there:
        (subject.folder / "models").mkdir()
        (subject.folder / "models" / "model.pt").write_bytes(b"abc")
        (tmp_path / "server" / "model.pt").unlink()
    assert check_large_files(subject) == f"1 listed, {0 if there else 1} of them fetched"
    fetched = subject.scratch / "models" / "model.pt"
    assert fetched.exists() is not there
    assert there or (fetched.read_bytes() == b"abc" and subject.origin_of_weights() == "downloaded")
    assert (subject.folder / "models").exists() is there


def test_the_check_refuses_a_file_that_is_not_as_listed(subject):
    (subject.folder / "models").mkdir()
    (subject.folder / "models" / "model.pt").write_bytes(b"abd")
    listed = {"path": "models/model.pt", "url": "file:///nowhere/model.pt", "hash_val": SHA256_OF_ABC}
    write(subject.folder, yaml.safe_dump({"large_files": [listed]}))
    with pytest.raises(InputError, match=r"models/model\.pt is another file than large_files\.yml lists: its sha256"):
        check_large_files(subject)


def test_the_zoos_template_with_empty_hashes_is_read(bundle):
    write(bundle, 'large_files:\n  - path: "models/model.pt"\n    url: "u"\n    hash_val: ""\n    hash_type: ""\n')
    assert read_large_files(bundle) == [LargeFile("models/model.pt", "u")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "should have a list under the key large_files, got None"),
        ("large_files: {a: 1}", "should have a list under the key large_files"),
        ("large_files: [", "can't be read"),
        ("large_files: [{path: models/model.pt}]", "an entry should have path and url"),
        ("large_files: [{path: a, url: u, sha256: x}]", "may have hash_val and hash_type"),
        ("large_files: [{path: a, url: ''}]", "should be texts"),
        ("large_files: [{path: a, url: u, hash_val: 12}]", "should be texts"),
        ("large_files: [{path: ../model.pt, url: u}]", r"'\.\./model\.pt' leaves the bundle"),
        ("large_files: [{path: a, url: u, hash_type: crc32}]", "one of md5, sha1, sha256, sha512, got 'crc32'"),
        ("large_files: [{path: a, url: u, hash_val: abc}]", r"should have 64 digits \(sha256\), got 3"),
    ],
)
def test_a_list_of_another_form_is_refused(text, message, bundle):
    write(bundle, text)
    with pytest.raises(InputError, match=message):
        read_large_files(bundle)


def test_two_lists_are_refused(bundle):
    (bundle / "large_files.json").write_text('{"large_files": []}')
    with pytest.raises(InputError, match=r"large_files\.yml and large_files\.json are both there: leave one"):
        read_large_files(bundle)


def test_no_list_is_none(bundle):
    (bundle / "large_files.yml").unlink()
    assert read_large_files(bundle) is None

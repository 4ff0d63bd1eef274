from __future__ import annotations

import logging
import os
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

from imgae_monai.data import kaggle_folder, load_datalist, read_source
from imgae_monai.data.kaggle import parse_kaggle_uri
from imgae_monai.exceptions import InputError, SourceUnavailable
from tests.data.test_datalist import PATTERN, tree
from tests.data.test_nih import release

URI = "kaggle://some-owner/chest-xray"
SECRET = "0123456789secretkey"


class FakeClient:
    """Stands for the official client: 'downloads' by calling ``fill`` on the folder."""

    fill = staticmethod(lambda folder: tree(folder / "chest_xray"))
    logs_in = staticmethod(lambda: None)
    downloads = 0

    def authenticate(self) -> None:
        print("Authentication required: key", SECRET)
        type(self).logs_in()

    def dataset_download_files(self, dataset, path, unzip, quiet) -> None:
        assert (dataset, unzip, quiet) == ("some-owner/chest-xray", True, True)
        print("Dataset URL: https://www.kaggle.com/datasets/", dataset, SECRET)
        type(self).downloads += 1
        type(self).fill(Path(path))


@pytest.fixture(autouse=True)
def client(tmp_path, monkeypatch) -> type[FakeClient]:
    fake = type("Client", (FakeClient,), {})
    module = types.ModuleType("kaggle.api.kaggle_api_extended")
    module.KaggleApi = fake
    for name in ("kaggle", "kaggle.api"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KAGGLE_KEY", SECRET)
    return fake


def download(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "imgae_monai" / "kaggle" / "some-owner" / "chest-xray"


def raising(error: BaseException):
    def act(*args):
        raise error

    return act


def test_a_data_set_is_downloaded_once_and_read_as_a_tree(tmp_path, client, capfd):
    data = load_datalist(URI, patient_pattern=PATTERN)
    assert data.counts["train"] == {"normal": 20, "abnormal": 0}
    assert data.source == URI
    assert data.items[0]["image"].startswith(str(download(tmp_path) / "chest_xray" / "test"))
    assert load_datalist(URI, patient_pattern=PATTERN).fingerprint == data.fingerprint
    assert client.downloads == 1
    assert capfd.readouterr() == ("", "")


def test_nihs_layout_is_found_and_files_may_be_named(tmp_path, client):
    def fill(folder: Path) -> None:
        (folder / "data").mkdir()
        release(folder / "data" / "nih")

    client.fill = staticmethod(fill)
    assert kaggle_folder(URI) == download(tmp_path) / "data" / "nih"
    assert len(read_source(URI).items) == 6
    (download(tmp_path) / "data" / "list.json").write_text("[]", encoding="utf-8")
    assert kaggle_folder(f"{URI}/data/list.json") == download(tmp_path) / "data" / "list.json"


def test_a_copy_inside_the_data_is_not_a_second_root(tmp_path, client):
    def fill(folder: Path) -> None:
        for place in ("chest_xray", "chest_xray/chest_xray", "chest_xray/__MACOSX/chest_xray"):
            (folder / place / "train").mkdir(parents=True)

    client.fill = staticmethod(fill)
    assert kaggle_folder(URI) == download(tmp_path) / "chest_xray"
    assert kaggle_folder(f"{URI}/chest_xray/chest_xray") == download(tmp_path) / "chest_xray" / "chest_xray"


def test_several_roots_or_none_are_listed(client):
    def fill(folder: Path) -> None:
        for place in ("a/train", "b/c/test", "d/images"):
            (folder / place).mkdir(parents=True)

    client.fill = staticmethod(fill)
    with pytest.raises(InputError, match=r"expected one folder with train, val or test.*found a, b/c\. Name it, as ka"):
        kaggle_folder(URI)
    assert kaggle_folder(f"{URI}/b").name == "c"
    with pytest.raises(InputError, match=r"found none\. Name it"):
        kaggle_folder(f"{URI}/d")
    with pytest.raises(InputError, match=r"no e/f in the download"):
        kaggle_folder(f"{URI}/e/f")


@pytest.mark.parametrize(
    "uri",
    [
        "kaggle://",
        "kaggle://owner",
        "kaggle://../dataset",
        "kaggle://owner/..",
        "kaggle://ow ner/dataset",
        "kaggle:///etc/passwd",
        "kaggle://owner/dataset/../../x",
        "kaggle://owner/dataset/a/../b",
        "kaggle://owner/dataset//x",
        "kaggle://owner/dataset/a\\..\\b",
    ],
)
def test_no_address_leads_out_of_the_cache(uri, client):
    with pytest.raises(InputError, match=r"expected kaggle://owner/dataset|must be plain names"):
        parse_kaggle_uri(uri)
    with pytest.raises(InputError):
        kaggle_folder(uri)
    assert client.downloads == 0


def test_a_link_in_the_download_leads_nowhere_else(tmp_path, client):
    tree(tmp_path / "private")

    def fill(folder: Path) -> None:
        (folder / "link").symlink_to(tmp_path / "private")

    client.fill = staticmethod(fill)
    with pytest.raises(InputError, match="leads out of its download"):
        kaggle_folder(f"{URI}/link")


def response(status: int) -> Exception:
    error = RuntimeError(f"{status} for a request with key {SECRET}")
    error.response = types.SimpleNamespace(status_code=status)
    return error


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (response(401), r"the credentials are refused \(HTTP 401\)"),
        (response(403), r"access is refused \(accept its terms on kaggle\.com\) \(HTTP 403\)"),
        (response(404), "there is no such data set"),
        (response(500), r"the server failed \(HTTP 500\)"),
        (ConnectionError(f"no route for {SECRET}"), r"ConnectionError; is there a network\?"),
        (TimeoutError(f"{SECRET} took too long"), r"TimeoutError; is there a network\?"),
        (SystemExit(1), "its client gave up"),
    ],
)
def test_a_failed_download_is_one_line_without_secrets(tmp_path, client, caplog, capfd, error, message):
    caplog.set_level(logging.DEBUG)

    def fill(folder: Path) -> None:
        (folder / "half.zip").write_bytes(b"half")
        raise error

    client.fill = staticmethod(fill)
    with pytest.raises(SourceUnavailable, match=rf"^data {URI} can't be had from Kaggle: {message}$") as e:
        read_source(URI)
    assert e.value.__cause__ is None
    assert list(download(tmp_path).parent.iterdir()) == []  # no half download is left
    assert SECRET not in str(e.value) + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "OSError, No space left on device"),
        (PermissionError(13, "Permission denied"), "PermissionError, Permission denied"),
        (zipfile.BadZipFile(SECRET), "BadZipFile"),
        (RuntimeError(f"cannot unpack {SECRET}"), "RuntimeError"),
    ],
)
def test_a_download_that_fails_here_is_not_passed_over(tmp_path, client, capfd, error, message):
    client.fill = staticmethod(raising(error))
    place = download(tmp_path).parent
    with pytest.raises(
        InputError, match=rf"^data {URI}: the download can't be stored or unpacked in {place} \({message}\)"
    ) as e:
        read_source([URI, str(tree(tmp_path / "second"))])
    assert not isinstance(e.value, SourceUnavailable)
    assert e.value.__context__ is None
    assert list(place.iterdir()) == []
    assert SECRET not in str(e.value) + "".join(capfd.readouterr())


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=rf"{URI} can't be kept in {tmp_path}/file/.*chest-xray: Not a directory") as e:
        read_source([URI, str(tree(tmp_path / "second"))])
    assert not isinstance(e.value, SourceUnavailable)


@pytest.mark.parametrize("error", [SystemExit(1), OSError(f"no kaggle.json {SECRET}"), ValueError(SECRET)])
def test_missing_credentials_are_one_line(client, capfd, error):
    client.logs_in = staticmethod(raising(error))
    with pytest.raises(SourceUnavailable, match=r"found no valid credentials: log in with kaggle auth login") as e:
        read_source(URI)
    assert e.value.__context__ is None
    assert SECRET not in str(e.value) + "".join(capfd.readouterr())
    assert client.downloads == 0


def test_a_missing_client_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "kaggle.api.kaggle_api_extended", None)
    with pytest.raises(SourceUnavailable, match=r"pip install 'imgae_monai\[kaggle\]'"):
        read_source(URI)


def test_the_results_hold_no_secret(tmp_path, client):
    from imgae_monai.data import write_datalist_file

    write_datalist_file(tmp_path / "datalist.json", load_datalist(URI, patient_pattern=PATTERN))
    assert SECRET not in (tmp_path / "datalist.json").read_text(encoding="utf-8")


def test_the_real_client_fails_in_one_line(tmp_path):
    """Without credentials, and with some but no way to Kaggle."""
    code = (
        "import os\nfrom imgae_monai.data import read_source\nfrom imgae_monai.exceptions import SourceUnavailable\n"
        f"for more in ({{}}, {{'KAGGLE_USERNAME': 'somebody', 'KAGGLE_KEY': {SECRET!r}}}):\n"
        f"    os.environ.update(more)\n    try: read_source({URI!r})\n    except SourceUnavailable as e: print(e)"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("KAGGLE")}
    env |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    env |= {f"{kind}_PROXY": "http://127.0.0.1:9" for kind in ("HTTP", "HTTPS")}  # refused at once
    told = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300, check=True
    )
    lines = told.stdout.splitlines()
    assert len(lines) == 2
    assert SECRET not in told.stdout + told.stderr
    if "Kaggle's client can't be imported" in lines[0]:
        pytest.skip(lines[0])
    assert "found no valid credentials" in lines[0]
    assert "can't be had from Kaggle: ProxyError; is there a network?" in lines[1]

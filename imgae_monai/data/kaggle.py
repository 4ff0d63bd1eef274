"""A Kaggle data set, downloaded once through Kaggle's own client, which alone handles the credentials."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imgae_monai.data.cache_folder import cache_folder
from imgae_monai.data.folder import SPLIT_FOLDERS
from imgae_monai.data.nih import is_nih_layout
from imgae_monai.exceptions import InputError, SourceUnavailable

logger = logging.getLogger(__name__)

KAGGLE_SCHEME = "kaggle://"
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# of the standard library, requests, urllib3, http.client, socket and ssl, whichever the client uses
_NO_CONNECTION = {
    "ConnectionError",
    "TimeoutError",
    "Timeout",
    "ChunkedEncodingError",
    "HTTPError",
    "HTTPException",
    "gaierror",
    "SSLError",
}
_DEPTH = 4  # folders below the download in which data are looked for
_REASONS = {401: "the credentials are refused", 403: "access is refused (accept its terms on kaggle.com)"}


def kaggle_folder(uri: str) -> Path:
    """Folder or file of a data set, downloaded on first use to ``$XDG_CACHE_HOME/imgae_monai/kaggle/owner/dataset``.

    Args:
        uri: ``kaggle://owner/dataset`` or ``kaggle://owner/dataset/sub/folder``. Without the latter the one folder
            below that has a train, val or test folder, or NIH's table, is taken.

    Returns:
        the folder, or the file if the address names one.

    Raises:
        SourceUnavailable: when the client or the credentials are missing, or Kaggle can't be reached or refuses.
        InputError: when the address has another form, the download is damaged or can't be kept, or the data are not
            found in it.
    """
    owner, dataset, sub = parse_kaggle_uri(uri)
    target = cache_folder() / "kaggle" / owner / dataset
    if not target.is_dir():
        _download(owner, dataset, target)
    root = target.joinpath(*sub)
    if not root.resolve().is_relative_to(target.resolve()):
        raise InputError(f"{uri} leads out of its download, {target}")
    if not root.exists():
        raise InputError(f"{uri}: no {'/'.join(sub)} in the download, {target}")
    return _data_root(root, uri) if root.is_dir() else root


def parse_kaggle_uri(uri: str) -> tuple[str, str, list[str]]:
    """Owner, name and folder inside.

    Raises:
        InputError: when the address has another form.

    Example:
        >>> parse_kaggle_uri("kaggle://paultimothymooney/chest-xray-pneumonia/chest_xray")
        ('paultimothymooney', 'chest-xray-pneumonia', ['chest_xray'])
    """
    parts = uri.removeprefix(KAGGLE_SCHEME).rstrip("/").split("/")
    owner_and_name, sub = parts[:2], parts[2:]
    if not uri.startswith(KAGGLE_SCHEME) or len(parts) < 2 or not all(_SLUG.fullmatch(p) for p in owner_and_name):
        raise InputError(f"expected kaggle://owner/dataset or kaggle://owner/dataset/folder, got {uri!r}")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in sub):
        raise InputError(f"the folder in {uri!r} must be plain names, got {'/'.join(sub)!r}")
    return parts[0], parts[1], sub


def _download(owner: str, dataset: str, target: Path) -> None:
    """Fetch and unpack under another name first, so that a download that was cut off is never used."""
    client = _client()
    logger.info("downloading %s%s/%s to %s", KAGGLE_SCHEME, owner, dataset, target)
    failure: InputError | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{dataset}-", dir=target.parent) as scratch:
            draft = Path(scratch) / dataset
            draft.mkdir()
            with _silenced():
                failure = _fetch(client, f"{owner}/{dataset}", draft)
            if failure is None:
                _keep(draft, target)
    except OSError as e:
        raise InputError(f"{KAGGLE_SCHEME}{owner}/{dataset} can't be kept in {target}: {e.strerror or e}") from e
    if failure is not None:
        raise failure


def _keep(draft: Path, target: Path) -> None:
    if not any(draft.iterdir()):
        raise InputError(f"{KAGGLE_SCHEME}{target.parent.name}/{target.name}: the download is empty")
    try:
        draft.rename(target)
    except OSError:  # another process may have fetched the same data meanwhile
        if not target.is_dir():
            raise


def _fetch(client: Any, name: str, folder: Path) -> InputError | None:
    """Why it failed, in our own words: a client's message may repeat a key."""
    unavailable = f"data {KAGGLE_SCHEME}{name} can't be had from Kaggle: "
    try:
        client.dataset_download_files(name, path=str(folder), unzip=True, quiet=True)
    except SystemExit:
        return SourceUnavailable(f"{unavailable}its client gave up")
    except Exception as e:
        status = getattr(getattr(e, "response", None), "status_code", getattr(e, "status", None))
        if status == 404:
            return SourceUnavailable(f"{unavailable}there is no such data set")
        if status is not None:
            return SourceUnavailable(f"{unavailable}{_REASONS.get(status, 'the server failed')} (HTTP {status})")
        if _NO_CONNECTION & {kind.__name__ for kind in type(e).__mro__}:
            return SourceUnavailable(f"{unavailable}{type(e).__name__}; is there a network?")
        told = f"{type(e).__name__}, {e.strerror}" if isinstance(e, OSError) and e.strerror else type(e).__name__
        return InputError(
            f"data {KAGGLE_SCHEME}{name}: the download can't be stored or unpacked in {folder.parent.parent} ({told}); "
            "make room there, or try again"
        )
    return None


def _client() -> Any:
    """The official client, logged in by its own file or environment."""
    missing = "Kaggle's client can't be imported ({}): pip install 'imgae_monai[kaggle]'"
    failed = True
    try:
        with _silenced():
            # older clients log in, and give up, when they are imported
            from kaggle.api.kaggle_api_extended import KaggleApi

            client = KaggleApi()
            client.authenticate()
            failed = False
    except ImportError as e:
        raise SourceUnavailable(missing.format(e)) from e
    except (SystemExit, OSError, ValueError, KeyError):
        pass  # told below, without the client's message, which may repeat a key
    if failed:
        raise SourceUnavailable(
            "Kaggle's client found no valid credentials: log in with kaggle auth login, or make ~/.kaggle/kaggle.json "
            "or KAGGLE_API_TOKEN as kaggle.com/settings tells"
        )
    return client


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """The client prints help, addresses and progress."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _data_root(root: Path, uri: str) -> Path:
    found: list[Path] = []
    level = [root]
    for _ in range(_DEPTH):
        found += [folder for folder in level if _holds_data(folder)]
        level = [child for folder in level if folder not in found for child in _folders(folder)]
    if len(found) != 1:
        places = ", ".join(str(folder.relative_to(root)) for folder in found) or "none"
        raise InputError(
            f"{uri}: expected one folder with train, val or test in it, or NIH's table, below {root}; found {places}. "
            f"Name it, as {uri.rstrip('/')}/FOLDER"
        )
    return found[0]


def _holds_data(folder: Path) -> bool:
    return is_nih_layout(folder) or any(child.name.lower() in SPLIT_FOLDERS for child in _folders(folder))


def _folders(folder: Path) -> list[Path]:
    hidden = (".", "__MACOSX")
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(hidden))

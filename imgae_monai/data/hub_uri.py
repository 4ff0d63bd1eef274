"""Addresses of Hugging Face data sets: ``hf://owner/name?label=finding&streaming=true``."""

from __future__ import annotations

import dataclasses
import difflib
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from imgae_monai.data.encoded_image import STREAM_SCHEME
from imgae_monai.exceptions import InputError

OPTIONS = ("image", "label", "patient", "config", "revision", "streaming")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_SWITCH = {"true": True, "false": False}


@dataclasses.dataclass(frozen=True)
class HubSource:
    """What an ``hf://`` address says.

    Args:
        name: the hub's ``owner/name``, or an absolute local path.
        image: column of the images, None to find it.
        label: column of the classes, None to find it.
        patient: column of the patients, None to find it or do without.
        config: the data set's configuration (subset).
        revision: branch, tag or commit on the hub.
        streaming: read it as a stream, keeping nothing.
    """

    name: str
    image: str | None = None
    label: str | None = None
    patient: str | None = None
    config: str | None = None
    revision: str | None = None
    streaming: bool = False

    @property
    def path(self) -> Path | None:
        """The local path, None for a name on the hub."""
        return Path(self.name) if self.name.startswith("/") else None

    @property
    def uri(self) -> str:
        """The address in one spelling, local paths absolute."""
        given = {key: getattr(self, key) for key in OPTIONS if getattr(self, key)}
        if self.streaming:
            given["streaming"] = "true"
        return f"{STREAM_SCHEME}{self.name}" + (f"?{urlencode(given, safe='/')}" if given else "")


def parse_hub_uri(uri: str) -> HubSource:
    """Read an address.

    Args:
        uri: ``hf://owner/name`` on the hub, or ``hf://./folder``, ``hf:///folder`` or ``hf://~/folder`` here, with any
            of the options image, label, patient, config, revision, streaming.

    Raises:
        InputError: when it has another form, or a key is unknown or given twice.

    Example:
        >>> parse_hub_uri("hf://owner/chest?label=finding&streaming=true").uri
        'hf://owner/chest?label=finding&streaming=true'
    """
    name, _, query = uri.removeprefix(STREAM_SCHEME).partition("?")
    local = name.startswith(("/", "./", "../", "~")) or name in (".", "..")
    if not uri.startswith(STREAM_SCHEME) or not (local or _HUB_NAME.fullmatch(name)):
        raise InputError(f"expected hf://owner/name, hf://./folder or hf:///folder, got {uri!r}")
    given: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in OPTIONS:
            near = difflib.get_close_matches(key, OPTIONS, n=1, cutoff=0.0)[0]
            raise InputError(f"unknown key {key!r} in {uri!r}, did you mean {near!r}? Keys: {', '.join(OPTIONS)}")
        if key in given or not value:
            raise InputError(f"key {key!r} is {'given twice' if key in given else 'empty'} in {uri!r}")
        given[key] = value
    streaming = given.pop("streaming", "false")
    if streaming.lower() not in _SWITCH:
        raise InputError(f"streaming must be true or false, got {streaming!r} in {uri!r}")
    if local:
        name = str(Path(name).expanduser().resolve())
        if "revision" in given:
            raise InputError(f"revision is the hub's, {uri!r} names a local path: leave it out")
    return HubSource(name, streaming=_SWITCH[streaming.lower()], **given)

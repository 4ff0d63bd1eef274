from __future__ import annotations

from pathlib import Path

import pytest

from imgae_monai.data import parse_hub_uri
from imgae_monai.exceptions import InputError


def test_a_name_on_the_hub_with_options():
    source = parse_hub_uri("hf://owner/name.v-1?config=main&revision=abc&label=Finding Labels&streaming=true")
    assert (source.name, source.path, source.streaming) == ("owner/name.v-1", None, True)
    assert (source.config, source.revision, source.label, source.image) == ("main", "abc", "Finding Labels", None)
    assert parse_hub_uri(source.uri) == source
    assert parse_hub_uri("hf://mnist").name == "mnist"


def test_local_paths_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert parse_hub_uri("hf://./a/b?image=scan").uri == f"hf://{tmp_path}/a/b?image=scan"
    assert parse_hub_uri("hf://../x").path == tmp_path.parent / "x"
    assert parse_hub_uri("hf:///data/a").uri == "hf:///data/a"
    assert parse_hub_uri("hf://~/a").path == Path("/home/somebody/a")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("hf://", "expected hf://owner/name"),
        ("hf://a/b/c", "expected hf://owner/name"),
        ("hf://owner/na me", "expected hf://owner/name"),
        ("http://a/b", "expected hf://owner/name"),
        ("hf://a/b?lable=x", "unknown key 'lable' in .*, did you mean 'label'"),
        ("hf://a/b?trust_remote_code=true", "unknown key 'trust_remote_code'"),
        ("hf://a/b?label=x&label=y", "key 'label' is given twice"),
        ("hf://a/b?label=", "key 'label' is empty"),
        ("hf://a/b?streaming=yes", "streaming must be true or false, got 'yes'"),
        ("hf:///a?revision=main", "revision is the hub's"),
    ],
)
def test_another_form_is_refused(uri, message):
    with pytest.raises(InputError, match=message):
        parse_hub_uri(uri)

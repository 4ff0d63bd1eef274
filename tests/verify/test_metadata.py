from __future__ import annotations

import dataclasses
from urllib.error import HTTPError, URLError

import monai.bundle.scripts
import pytest

from imgae_monai.exceptions import InputError
from imgae_monai.verify.metadata import check_schema, check_version
from imgae_monai.verify.subject import Skipped


def test_the_version_has_a_line_in_the_changelog(subject, change):
    assert check_version(subject) == subject.metadata["version"]
    change(subject.meta_file, lambda metadata: metadata.update(version="9.9.9"))
    with pytest.raises(InputError, match=r"no line for version 9\.9\.9"):
        check_version(subject)
    change(subject.meta_file, lambda metadata: metadata.pop("changelog"))
    with pytest.raises(InputError, match="has no changelog"):
        check_version(subject)


@pytest.mark.parametrize("version", [">=1.6", "1.6.*", "", 1.6, None])
def test_what_the_zoo_installs_is_a_version(version, subject, change):
    change(subject.meta_file, lambda metadata: metadata.update(monai_version=version))
    with pytest.raises(InputError, match="monai_version should be a version as"):
        check_version(subject)


@pytest.mark.parametrize("version", ["1.6.1", "2.13.0", "1.4.0rc1", "6.0.12.20261113", "2.0.post1"])
def test_versions_that_pip_takes_pass(version, subject, change):
    change(subject.meta_file, lambda metadata: metadata["required_packages_version"].update(pillow=version))
    check_version(subject)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda metadata: metadata.pop("task"), "'task' is a required property"),
        (lambda metadata: metadata.pop("required_packages_version"), "'required_packages_version' is a required"),
        (lambda metadata: metadata["network_data_format"].pop("outputs"), "'outputs' is a required property"),
        (lambda metadata: metadata.update(authors=["a", "b"]), "is not of type 'string'"),
    ],
)
def test_metadata_that_do_not_fit_the_schema_are_refused(spoil, message, subject, change, schema):
    pytest.importorskip("jsonschema")
    subject = dataclasses.replace(subject, schema=schema)
    assert check_schema(subject) == schema.name
    change(subject.meta_file, spoil)
    with pytest.raises(ValueError, match=message):
        check_schema(subject)


def refuse(error):
    def download(**arguments):
        raise error

    return download


@pytest.mark.parametrize("error", [URLError("no route"), TimeoutError(), HTTPError("u", 403, "Forbidden", None, None)])
def test_without_a_network_the_check_is_skipped(error, subject, monkeypatch):
    monkeypatch.setattr(monai.bundle.scripts, "download_url", refuse(error))
    with pytest.raises(Skipped, match=r"no copy of meta_schema_20240725\.json, and it can't be had"):
        check_schema(subject)


def test_a_schema_that_is_nowhere_is_a_fault(subject, monkeypatch):
    gone = HTTPError("u", 404, "Not Found", None, None)
    monkeypatch.setattr(monai.bundle.scripts, "download_url", refuse(gone))
    with pytest.raises(InputError, match="names a schema that is not there: https"):
        check_schema(subject)


def test_the_schema_of_another_date_is_not_taken(subject, change, schema, monkeypatch):
    url = "https://example.org/meta_schema_20220324.json"
    change(subject.meta_file, lambda metadata: metadata.update(schema=url))
    asked = []
    monkeypatch.setattr(monai.bundle.scripts, "download_url", lambda **given: asked.append(given["url"]) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        check_schema(dataclasses.replace(subject, schema=schema))
    assert asked == [url]


def test_without_jsonschema_it_says_what_to_install(subject, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'imgae_monai\[verify\]'"):
        check_schema(subject)

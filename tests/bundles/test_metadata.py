"""What the metadata say of versions is what the tests run against."""

from __future__ import annotations

import configparser
import json
import re
import sys

import pytest

from tests.conftest import BUNDLES, REPO

_PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+?)(?:; python_version (?P<than>>=|<) \"3\.11\")?$")
_NAMED_APART = {"monai": "monai_version", "torch": "pytorch_version", "numpy": "numpy_version"}


def pinned() -> dict[str, str]:
    """Versions of constraints.txt, for Python 3.11 and later."""
    lines = [_PIN.match(line) for line in (REPO / "constraints.txt").read_text().splitlines() if line[:1] not in "#"]
    return {match["name"].lower(): match["version"] for match in lines if match and match["than"] != "<"}


def metadata(bundle: str) -> dict:
    return json.loads((REPO / "bundles" / bundle / "configs" / "metadata.json").read_text())


@pytest.mark.parametrize("bundle", BUNDLES)
def test_versions_are_those_of_the_constraints(bundle):
    pins, said = pinned(), metadata(bundle)
    assert len(pins) > 20
    assert {key: said[key] for key in _NAMED_APART.values()} == {v: pins[k] for k, v in _NAMED_APART.items()}
    others = {name: version for name, version in said["required_packages_version"].items() if name != "imgae_monai"}
    assert others == {name: pins[name] for name in others}


@pytest.mark.parametrize("bundle", BUNDLES)
def test_required_packages_are_those_that_the_package_installs(bundle):
    setup = configparser.ConfigParser()
    setup.read(REPO / "setup.cfg")
    installed = {re.split(r"[<>=]", line)[0] for line in setup["options"]["install_requires"].split()}
    named = {"torch", *metadata(bundle)["required_packages_version"]} - {"imgae_monai"}
    assert named <= installed


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the metadata name the versions of Python 3.11 and later")
@pytest.mark.parametrize("bundle", BUNDLES)
def test_versions_are_those_that_are_installed(bundle):
    from importlib.metadata import version

    said = metadata(bundle)
    assert said["monai_version"] == version("monai")
    assert said["numpy_version"] == version("numpy")
    assert said["pytorch_version"] == version("torch").partition("+")[0]


def test_the_bundles_metadata_differ_in_what_the_models_are_only():
    one, other = (metadata(bundle) for bundle in BUNDLES)
    differing = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    assert differing <= {"name", "description", "references", "changelog"}

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from imgae_monai.engines import git_state
from tests.conftest import REPO

UNKNOWN = {"commit": None, "dirty": None}


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def package(tmp_path) -> Path:
    """A package in a checkout of its own, with bundles beside it."""
    for name in ("package/__init__.py", "bundles/a/train.json", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("first\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path / "package"


def test_names_the_commit(package):
    assert git_state(package) == {"commit": git(package, "rev-parse", "HEAD"), "dirty": False}


@pytest.mark.parametrize(
    ("name", "dirty"),
    [("package/__init__.py", True), ("package/new.py", True), ("bundles/a/train.json", True), ("notes.txt", False)],
)
def test_only_code_and_bundles_make_it_dirty(package, name, dirty):
    (package.parent / name).write_text("second\n")
    assert git_state(package)["dirty"] is dirty


def test_a_package_inside_another_projects_checkout_is_not_that_project(package):
    installed = package.parent / "venv" / "other"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    assert git_state(installed) == UNKNOWN


def test_another_repository_in_the_environment_is_not_asked(package, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(REPO / "nowhere"))
    assert git_state(package)["dirty"] is False


def test_without_git_or_a_commit_nothing_is_known_and_nothing_fails(package, monkeypatch, tmp_path):
    assert git_state(tmp_path / "gone") == UNKNOWN
    (package.parent / ".git" / "HEAD").write_text("spoilt")
    assert git_state(package) == UNKNOWN
    monkeypatch.setenv("PATH", "")
    assert git_state(package) == UNKNOWN

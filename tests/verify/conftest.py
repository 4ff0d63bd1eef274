"""A bundle to spoil, and what a check sees of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from imgae_monai.verify.subject import Subject
from tests.conftest import REPO, SHARED


@pytest.fixture
def bundle(tmp_path) -> Path:
    """A copy of a bundle."""
    return Path(shutil.copytree(REPO / "bundles" / "unet_autoencoder", tmp_path / "unet_autoencoder"))


@pytest.fixture
def subject(bundle, tmp_path) -> Subject:
    """That bundle, and an empty scratch folder."""
    (tmp_path / "scratch").mkdir()
    return Subject(bundle, tmp_path / "scratch")


@pytest.fixture
def change():
    """Change a JSON file of a bundle: by a function of its content."""

    def change(path: Path, by) -> None:
        content = json.loads(path.read_text())
        by(content)
        path.write_text(json.dumps(content))

    return change


@pytest.fixture
def schema() -> Path:
    """MONAI's metadata schema, with no network."""
    path = SHARED / "data" / "monai" / "meta_schema_20240725.json"
    if not path.is_file():
        pytest.skip(f"{path} is absent")
    return path

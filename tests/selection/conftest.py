"""A trained run, loaded for selection."""

from __future__ import annotations

import pytest

from imgae_monai.cli.select import _load
from imgae_monai.selection import SelectionRun, validation_items


@pytest.fixture(scope="session")
def loaded(runs) -> SelectionRun:
    return _load(runs["unet_autoencoder"], "cpu")


@pytest.fixture(scope="session")
def items(loaded) -> list[dict]:
    return validation_items(loaded.folder, loaded.checkpoint.parent)[0]

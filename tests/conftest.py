"""Tiny data and tiny trained runs, made once, as a user would make them."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / "shared"
BUNDLES = ("unet_autoencoder", "reversed_autoencoder")
# small enough that an epoch takes a fraction of a second
TINY = {
    "unet_autoencoder": "{'channels': [4, 8, 8], 'strides': [2, 2]}",
    "reversed_autoencoder": "{'channels': [4, 8, 8], 'strides': [2, 2, 2]}",
}
# of images as they are, in one pass: for tests that are not of the bundles' own score
PLAIN_SCORE = {
    **{"clahe": False, "residual": "l1", "smoothing_sigma": 0.0, "z_score": False, "reduction": "mean"},
    "combine": [],
}
PLAIN_SCORE_FLAGS = [
    word for key, value in PLAIN_SCORE.items() for word in (f"--{key}", "none" if value == [] else str(value).lower())
]
# the bundles' own
DEFAULT_SCORE_FLAGS = [
    *("--clahe", "true", "--residual", "features", "--smoothing_sigma", 2.0, "--combine", "joint_gaussian"),
]


@pytest.fixture(scope="session", autouse=True)
def _cache_home(tmp_path_factory):
    """Keep the synthetic set out of the user's own cache."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(autouse=True)
def _quiet_root_logger():
    """Undo what a command's logging left, so that no test sees another's level or handlers."""
    root = logging.getLogger()
    for handler in [h for h in root.handlers if not type(h).__module__.startswith("_pytest")]:
        root.removeHandler(handler)
    root.setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory) -> Path:
    """Folder tree of drawn phantoms, 32 px."""
    from imgae_monai.data import write_synthetic_dataset

    folder = tmp_path_factory.mktemp("data") / "phantoms"
    return write_synthetic_dataset(folder, size=32, n_train=24, n_val=24, n_test_normal=12, n_test_abnormal=12, seed=1)


@pytest.fixture(scope="session")
def cli():
    """Call the command line in this process."""
    from imgae_monai.__main__ import main

    def call(*words: object) -> None:
        main([str(word) for word in words])

    return call


@pytest.fixture(scope="session")
def train_tiny(cli, phantoms):
    """Train a tiny network of a bundle with a plain score into a folder, with further flags."""

    def train(bundle: str, output: Path, *flags: object, data: object = phantoms) -> Path:
        size = ("--image_size", 32, "--latent_size", 4, "--batch_size", 8, "--device", "cpu", "--set", TINY[bundle])
        cli("train", bundle, "--data", data, "--output", output, "--epochs", 2, *size, *PLAIN_SCORE_FLAGS, *flags)
        return output

    return train


@pytest.fixture(scope="session")
def runs(train_tiny, tmp_path_factory) -> dict[str, Path]:
    """A trained run of each bundle. Read-only: copy it before you change it."""
    root = tmp_path_factory.mktemp("runs")
    return {bundle: train_tiny(bundle, root / bundle) for bundle in BUNDLES}


@pytest.fixture(scope="session")
def default_score_runs(train_tiny, tmp_path_factory) -> dict[str, Path]:
    """As ``runs``, with the score that the bundles have by default. Read-only too."""
    root = tmp_path_factory.mktemp("default_score_runs")
    return {bundle: train_tiny(bundle, root / bundle, *DEFAULT_SCORE_FLAGS) for bundle in BUNDLES}

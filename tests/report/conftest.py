"""One evaluated run with boxes and with file names that would like to be HTML, and its report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

BUNDLE = "unet_autoencoder"
HOSTILE = "<img src=x onerror=alert(1)>|`'\"&.png"
BOX = {"box": [0.25, 0.5, 0.25, 0.25], "finding": "Mass"}


@pytest.fixture(scope="session")
def labelled(phantoms, tmp_path_factory) -> Path:
    """A data list of the phantoms' test images: one with a hostile name, two abnormal ones with a box."""
    folder = tmp_path_factory.mktemp("labelled")
    items = []
    for label, name in enumerate(("normal", "abnormal")):
        for number, source in enumerate(sorted((phantoms / "test" / name).glob("*.png"))):
            target = folder / (HOSTILE if (label, number) == (1, 0) else f"{name}{number}.png")
            shutil.copyfile(source, target)
            item = {"image": str(target), "label": label, "patient_id": f"{name}{number // 2}", "split": "test"}
            items.append({**item, **({"boxes": [BOX]} if label and number < 2 else {})})
    path = folder / "datalist.json"
    path.write_text(json.dumps({"test": items, "synthetic": True}))
    return path


@pytest.fixture(scope="session")
def evaluated(runs, labelled, cli, tmp_path_factory) -> Path:
    """Folder of an evaluation. Read-only: copy it before you change it."""
    folder = tmp_path_factory.mktemp("evaluated") / "tiny"
    cli("evaluate", runs[BUNDLE], "--data", labelled, "--output", folder, "--n_bootstrap", 50)
    return folder


@pytest.fixture(scope="session")
def report(evaluated, cli, tmp_path_factory) -> Path:
    """Folder of that evaluation's report."""
    folder = tmp_path_factory.mktemp("report") / "out"
    cli("report", evaluated, "--output", folder, "--n_examples", 2)
    return folder

"""Every snippet of docs/loading.md, in its order, as a reader would run it."""

from __future__ import annotations

import csv
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPO

DOC = REPO / "docs" / "loading.md"


def snippets() -> list[tuple[str, str]]:
    """Language and text of each block of code."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", DOC.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def snippet(holding: str) -> str:
    found = [text for _, text in snippets() if holding in text]
    assert len(found) == 1, f"{len(found)} snippets hold {holding!r}"
    return found[0]


@pytest.fixture(scope="module")
def place(default_score_runs, phantoms, tmp_path_factory) -> Path:
    """A folder as the doc has it."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(default_score_runs["unet_autoencoder"], folder / "runs" / "unet")
    (folder / "images").mkdir()
    files = sorted((phantoms / "test" / "abnormal").iterdir())
    for name, path in zip("ab", files, strict=False):
        shutil.copyfile(path, folder / "images" / f"{name}.png")
    return folder


@pytest.fixture(autouse=True)
def _there(place, monkeypatch):
    monkeypatch.chdir(place)


@pytest.fixture(scope="module")
def told(cli, place, tmp_path_factory) -> dict[str, float]:
    """The command line's scores, an image a batch, and the threshold."""
    output = tmp_path_factory.mktemp("told")
    cli("predict", place / "runs" / "unet", place / "images", "--output", output, "--batch_size", 1)
    return scores(output)


def scores(output: Path) -> dict[str, float]:
    with open(output / "predictions.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    return {Path(row["image"]).name: float(row["score"]) for row in rows} | {"threshold": float(rows[0]["threshold"])}


def execute(text: str) -> dict:
    names: dict = {}
    exec(compile(text, str(DOC), "exec"), names)
    return names


def close(found: dict[str, float], told: dict[str, float]) -> bool:
    """Of batches of one and of two."""
    return found == pytest.approx(told, rel=1e-5)


def test_every_snippet_is_tested_here():
    assert len(snippets()) == 11
    assert {language for language, _ in snippets()} == {"python", "bash"}
    assert "test_loading_doc.py" in DOC.read_text(encoding="utf-8")
    assert snippet("load_calibration") in (REPO / "README.md").read_text(encoding="utf-8")


def test_a_workflow_from_files_to_files(told, monkeypatch):
    execute(snippet('output_dir="predicted",'))
    assert close(scores(Path("predicted")), told)
    overlay, command = snippet("python -m monai.bundle run").splitlines()
    subprocess.run(["bash", "-c", overlay], check=True)
    words = shlex.split(command)
    assert words[:2] == ["python", "-m"]
    monkeypatch.setattr(sys, "argv", words[2:])
    runpy.run_module("monai.bundle", run_name="__main__")
    assert close(scores(Path("predicted_again")), told)


def test_properties_of_ones_own(told):
    execute(snippet("workflow.inferer = SimpleInferer()"))
    found = scores(Path("predicted_mine"))
    assert found == {key: told[key] for key in ("a.png", "threshold")}


def test_images_in_memory(told, capsys):
    execute(snippet('workflow.dataflow["image"] = image'))
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("images/")]
    assert {Path(line[0]).name: float(line[1]) for line in lines} | {"threshold": float(lines[0][2])} == told
    assert " ".join(lines[0]).endswith(" torch.Size([1, 32, 32])")
    assert not execute(snippet("network = workflow.network_def"))["network"].training


def test_plain_pytorch_in_ten_lines(told, capsys):
    text = snippet("load_calibration")
    assert "monai.bundle" not in text
    statements = [line for line in text.splitlines() if line[:1].strip() and not re.match(r"import|from|with", line)]
    assert len(statements) == 7  # and two that stand below a with
    execute(text)
    value, threshold, decision = capsys.readouterr().out.split()
    assert (float(value), float(threshold)) == (told["a.png"], told["threshold"])
    assert decision == ("abnormal" if told["a.png"] > told["threshold"] else "normal")


def test_the_network_alone_and_one_part():
    found = execute(snippet("from monai.bundle import load\n").replace("64, 64", "32, 32"))
    assert found["reconstruction"].shape == (1, 1, 32, 32)
    assert not found["network"].training
    parts = execute(snippet("parser.read_config"))
    assert parts["image"].shape == (1, 32, 32)
    image = parts["image"]
    assert parts["residual"]({"image": image, "pred": image})["anomaly_map"].abs().max() < 1e-5


class Hub:
    """Stands for huggingface_hub.HfApi, and notes what it is asked for."""

    calls: list[tuple[str, dict]] = []

    def __init__(self, token=None) -> None:
        self.calls.append(("token", {"token": token}))

    def create_repo(self, **words):
        self.calls.append(("create_repo", words))

    def upload_folder(self, **words):
        self.calls.append(("upload_folder", words))
        return "https://hub.invalid/your-name/chest_unet"

    def create_tag(self, **words):
        self.calls.append(("create_tag", words))


def test_a_run_is_packed_downloaded_and_pushed(told, place, monkeypatch):
    command = shlex.split(snippet("scripts/pack_bundle.sh").splitlines()[0], comments=True)
    command[1] = str(REPO / command[1])
    subprocess.run(command, check=True, env={**os.environ, "PYTHON": sys.executable}, timeout=300)
    address = "https://example.org/chest_unet_v0.2.0.zip"
    execute(snippet(address).replace(address, (place / "chest_unet_v0.2.0.zip").as_uri()))
    assert close(scores(Path("predicted_downloaded")), told)

    monkeypatch.setattr("huggingface_hub.HfApi", Hub)
    execute(snippet("push_to_hf_hub("))
    asked = dict(Hub.calls)
    assert asked["create_repo"] == {"repo_id": "your-name/chest_unet", "private": True, "exist_ok": True}
    assert asked["upload_folder"] == {"repo_id": "your-name/chest_unet", "folder_path": "downloaded/chest_unet"}
    assert [words["tag"] for name, words in Hub.calls if name == "create_tag"] == ["0.2.0", "latest_version"]
    card = Path("downloaded/chest_unet/README.md").read_text(encoding="utf-8")
    assert card.startswith("---\ntags:\n- monai\n- medical\nlibrary_name: monai\nlicense: apache-2.0\n---\n# U-Net")
    import monai.bundle.__main__

    assert not hasattr(monai.bundle.__main__, "push_to_hf_hub")


def test_the_readme_shows_the_same_ten_lines():
    assert snippet("load_calibration(") in (REPO / "README.md").read_text(encoding="utf-8")

"""A run as one file, used as docs/export.md says."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from imgae_monai.exceptions import InputError
from imgae_monai.export.check import Difference, check_difference, normal_images
from imgae_monai.export.formats import FORMATS, SUFFIXES, scorer
from tests.conftest import PLAIN_SCORE_FLAGS, REPO, TINY
from tests.export.unzipped import unzipped

DOC = (REPO / "docs" / "export.md").read_text(encoding="utf-8")
SCRIPTS = dict(re.findall(r"<!-- script: (\w+) -->\n```python\n(.*?)```", DOC, re.DOTALL))
# as where neither package is installed
BLOCK = "import sys\nsys.modules['imgae_monai'] = sys.modules['monai'] = None\n"


@pytest.fixture(scope="module")
def default_run(cli, phantoms, tmp_path_factory):
    """A tiny U-Net with the bundle's own preprocessing and score."""
    run = tmp_path_factory.mktemp("default") / "run"
    size = ("--image_size", 32, "--latent_size", 4, "--device", "cpu", "--set", TINY["unet_autoencoder"])
    cli("train", "unet_autoencoder", "--data", phantoms, "--output", run, "--epochs", 1, *size)
    return run


@pytest.fixture(scope="module")
def files(phantoms, tmp_path_factory):
    """Three images, one of them to be resized and padded."""
    wide = tmp_path_factory.mktemp("wide") / "wide.png"
    images = [sorted((phantoms / "test" / kind).glob("*.png"))[0] for kind in ("normal", "abnormal")]
    Image.open(images[0]).convert("L").resize((80, 56), Image.Resampling.BICUBIC).save(wide)
    return [*images, wide]


def test_the_document_has_a_script_a_format():
    assert set(SCRIPTS) == set(FORMATS)
    for script in SCRIPTS.values():
        assert "monai" not in script
        assert len(script.splitlines()) <= 20


# of a torch.export program the default score takes ten seconds more, and its parts have a test of their own
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_run_leaves_as_one_file_that_the_documents_script_runs(
    suffix, cli, default_run, runs, files, phantoms, capsys, tmp_path
):
    run = runs["unet_autoencoder"] if suffix == ".pt2" else default_run
    cli("predict", run, *files, "--output", tmp_path / "predicted")
    with open(tmp_path / "predicted" / "predictions.csv", newline="") as f:
        predicted = list(csv.DictReader(f))
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / f"model{suffix}"
    cli("export", run, "--output", file)
    out = capsys.readouterr().out
    over = r"over 12 normal validation images of the run: score (\S+), map (\S+) \(relative\)\n"
    assert [float(x) < 1e-4 for x in re.search(over, out).groups()] == [True, True]
    assert "SYNTHETIC DATA" in out
    assert "Research only" in out
    assert list(file.parent.iterdir()) == [file]
    parts = unzipped(file.read_bytes())
    assert any(b"checkpoint_sha256" in content for content in parts.values())
    places = [str(place).encode() for place in (REPO, sys.prefix, run, phantoms, tmp_path)]
    assert [(name, place) for name, content in parts.items() for place in places if place in content] == []
    for row in predicted if suffix == ".onnx" else predicted[-1:]:  # torch takes seconds to import
        command = [sys.executable, "-c", BLOCK + SCRIPTS[SUFFIXES[suffix]], str(file), row["image"]]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        printed = re.match(r"score (\S+), threshold (\S+), abnormal (\w+); Research", ran.stdout)
        score, threshold, abnormal = printed.groups()
        scale = max(abs(float(row["score"])), float(row["threshold"]))
        # Pillow's resizing rounds otherwise than torch's, and CLAHE makes steps of that
        within = 1e-2 if row["image"].endswith("wide.png") else 1e-4
        assert float(score) == pytest.approx(float(row["score"]), abs=within * scale)
        assert float(threshold) == pytest.approx(float(row["threshold"]), rel=1e-5)
        assert abnormal == str(row["decision"] == "1")


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_documents_scripts_refuse_a_picture_that_pillow_would_saturate(name, files, monkeypatch, tmp_path):
    deep = tmp_path / "deep.png"
    Image.fromarray(np.full((8, 8), 3000, dtype=np.uint16)).save(deep)
    # the lines about the picture alone
    lines = re.search(r"^picture = .*?^grey = Image[^\n]*$", SCRIPTS[name], re.DOTALL | re.MULTILINE).group()
    names = {"sys": sys, "np": np, "Image": Image}
    monkeypatch.setattr(sys, "argv", ["script.py", "model", str(deep)])
    with pytest.raises(SystemExit, match=r"a picture of mode I;16: make it 8-bit grey or RGB first"):
        exec(lines, names)
    monkeypatch.setattr(sys, "argv", ["script.py", "model", str(files[-1])])
    exec(lines, names)
    assert names["grey"].size == (80, 56)


def test_another_score_is_exported_as_it_was_calibrated(cli, runs, capsys, tmp_path):
    run, file = tmp_path / "run", tmp_path / "model.ts"
    shutil.copytree(runs["reversed_autoencoder"], run)
    flags = ("--combine", "ssim-z-top0.05,latent,l1-clahe-mean", "--two_sided", "--residual", "ssim")
    cli("calibrate", run, *flags)
    cli("export", run, "--output", file, *flags)
    assert "score combined-" in capsys.readouterr().out
    before = file.read_bytes()
    with pytest.raises(SystemExit):
        cli("export", run, "--output", file, *flags)
    assert "exists: give another --output, or --overwrite to replace it" in capsys.readouterr().err
    cli("export", run, "--output", file, "--overwrite", *PLAIN_SCORE_FLAGS[2:])
    assert file.read_bytes() != before


def test_the_file_tells_what_it_is(cli, runs, phantoms, tmp_path):
    import torch

    file = tmp_path / "model.bin"
    cli("export", runs["unet_autoencoder"], "--output", file, "--format", "torchscript")
    files = {"metadata.json": ""}
    torch.jit.load(file, _extra_files=files)
    told = json.loads(files["metadata.json"])
    calibration = json.loads((runs["unet_autoencoder"] / "train.json").read_text())["calibration"]
    for key in ("threshold", "specificity", "map_limit", "pixel_threshold", "score"):
        assert json.loads(told[key]) == calibration[key]
    assert told["use"] == "Research only; not for clinical use."
    assert (told["synthetic"], told["bundle"], told["image_size"]) == ("true", "unet_autoencoder", "[32, 32]")
    assert told["notice"].startswith("SYNTHETIC DATA")
    assert "24 normal validation images" in told["normal_images"]
    assert all(isinstance(value, str) for value in told.values())


def test_a_run_whose_images_are_gone_is_checked_on_drawn_ones(runs, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs["unet_autoencoder"], run)
    (run / "models" / "datalist.json").unlink()
    images, what = normal_images(run, (48, 32), tmp_path / "drawn")
    assert what == "drawn phantoms"
    assert [Image.open(image).size for image in images] == [(48, 48)] * 16
    (tmp_path / "noise").mkdir()
    images, what = normal_images(run, (8, 9, 10), tmp_path / "noise")
    assert what == "volumes of noise"
    assert np.load(images[0].partition("#")[0]).shape == (4, 10, 8, 9)


@pytest.mark.parametrize("differences", [(2e-4, 0.0), (0.0, 2e-4), (float("nan"), 0.0)])
def test_a_file_that_differs_is_refused(differences):
    with pytest.raises(InputError, match=r"is not what the run is: scores differ by .*, maps by .* 0\.0001 is allowed"):
        check_difference(Difference(*differences, 3))


def test_differing_numbers_are_seen():
    import torch

    from imgae_monai.export.check import compare
    from imgae_monai.export.trained_run import Scored

    expected = Scored(torch.zeros(3, 1, 2, 2), torch.tensor([1.0, 2.0, 4.0]).double(), torch.ones(3, 1, 2, 2))

    def run(images):
        first = len(images) == 1
        return {
            "score": np.array([1.0] if first else [2.0, 4.4]),
            "anomaly_map": np.ones((len(images), 1, 2, 2), dtype=np.float32) * (1 if first else 1.5),
        }

    difference = compare(run, expected, threshold=2.0, map_limit=0.5)
    assert difference == Difference(pytest.approx(0.1), pytest.approx(0.5), 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--output", "{}/m.pt"), "suffix '.pt' of m.pt is of no format"),
        (("--output", "{}/gone/m.ts"), "no file in a folder that exists"),
        (("--output", "{}/m.ts", "--residual", "ssim"), "no calibration for the score 'ssim-mean'"),
        (("--output", "{}/m.ts", "--residual", "gradient"), "'gradient' takes a derivative for each image"),
        (("--output", "{}/m.onnx", "--opset", "9"), "opset must be 18 or higher, got 9"),
    ],
)
def test_mistakes_are_told_in_a_line(words, message, cli, runs, capsys, tmp_path):
    with pytest.raises(SystemExit):
        cli("export", runs["unet_autoencoder"], *(word.format(tmp_path) for word in words))
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_steps_that_the_file_would_lack_are_refused(cli, runs, capsys, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(runs["unet_autoencoder"], run)
    path = run / "configs" / "inference.json"
    config = json.loads(path.read_text())
    config["loading_transforms"].append({"_target_": "ScaleIntensityd", "keys": "image"})
    path.write_text(json.dumps(config))
    with pytest.raises(SystemExit):
        cli("export", run, "--output", tmp_path / "m.ts")
    assert "the preprocessing has ScaleIntensityd after resizing" in capsys.readouterr().err


def test_scorer_names_outputs(cli, runs, tmp_path):
    file = tmp_path / "m.ts"
    cli("export", runs["reversed_autoencoder"], "--output", file)
    outputs = scorer(file.read_bytes(), "torchscript")(np.zeros((3, 1, 32, 32), dtype=np.float32))
    assert {name: value.shape for name, value in outputs.items()} == {
        "score": (3,),
        "anomaly_map": (3, 1, 32, 32),
        "decision": (3,),
    }

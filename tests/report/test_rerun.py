from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from imgae_monai.data import read_image
from imgae_monai.exceptions import InputError
from imgae_monai.report.rerun import EvaluatedNetwork
from tests.report.conftest import BOX, BUNDLE, HOSTILE


@pytest.fixture(scope="module")
def metrics(evaluated) -> dict:
    return json.loads((evaluated / "metrics.json").read_text())


@pytest.fixture(scope="module")
def rows(evaluated) -> list[dict[str, str]]:
    with open(evaluated / "scores.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def network(metrics, runs) -> EvaluatedNetwork:
    return EvaluatedNetwork(metrics, runs[BUNDLE])


def columns(rows):
    return [r["image"] for r in rows], [int(r["label"]) for r in rows], [float(r["score"]) for r in rows]


def test_a_look_is_what_was_scored(network, rows):
    chosen = rows[::5][::-1]
    for row, look in zip(chosen, network.look(*columns(chosen)), strict=True):
        assert look.score == pytest.approx(float(row["score"]), rel=1e-6)
        assert float(look.anomaly_map.mean()) == pytest.approx(look.score, rel=1e-5)  # l1 and mean
        torch.testing.assert_close((look.image - look.reconstruction).abs(), look.anomaly_map)
        np.testing.assert_allclose(look.image[0], read_image(row["image"]), atol=1e-3)  # 32 px, as the network's


def test_another_score_than_the_evaluations_is_refused(network, rows):
    images, labels, scores = columns(rows[:3])
    network.look(images, labels, [score * (1 + 5e-5) for score in scores])
    with pytest.raises(InputError, match=r"scores .* now and .* in the evaluation"):
        network.look(images, labels, [*scores[:2], scores[2] * 1.001])


def test_codes_are_the_networks(network, rows):
    images = [row["image"] for row in rows[:40]]
    codes = network.encode(images)
    assert codes.shape == (len(images), 4)
    one = torch.from_numpy(read_image(images[1]))[None, None].float()
    with torch.no_grad():
        np.testing.assert_allclose(codes[1], network.network.encode(one)[0], atol=1e-4)


def test_regions_are_those_of_these_images(network, rows):
    images = [row["image"] for row in rows]
    found = network.regions(images)
    assert sorted(Path(image).name for image in found) == sorted([HOSTILE, "abnormal1.png"])
    assert all(own == {"boxes": [BOX]} for own in found.values())
    assert network.regions(images[:1]) == {}


def test_other_weights_are_refused(metrics, runs, tmp_path):
    run = Path(shutil.copytree(runs[BUNDLE], tmp_path / "run"))
    shutil.copyfile(run / "models" / "model_final.pt", run / "models" / "model.pt")
    with open(run / "models" / "model.pt", "ab") as file:
        file.write(b" ")
    with pytest.raises(InputError, match="is not what was evaluated, by its sha256"):
        EvaluatedNetwork(metrics, run)
    (run / "models" / "model.pt").unlink()
    with pytest.raises(InputError, match="no checkpoint"):
        EvaluatedNetwork(metrics, run)


def test_an_evaluation_without_its_config_is_refused(metrics, runs):
    with pytest.raises(InputError, match="does not tell its config"):
        EvaluatedNetwork({**metrics, "config": None}, runs[BUNDLE])

from __future__ import annotations

import base64
import dataclasses
import json

import pytest
import torch
from monai.bundle import ConfigParser

from imgae_monai.data.fingerprint import file_sha256
from imgae_monai.engines import EmbeddedCalibration, calibration_path, embed_calibration
from imgae_monai.exceptions import InputError
from imgae_monai.transforms import ScoreDefinition
from tests.handlers.test_prediction_writer import CALIBRATION

SCORE = ScoreDefinition("l1")


@pytest.fixture
def ckpt_dir(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "model.pt")
    return tmp_path


def save(ckpt_dir, **changes):
    known = {"pixel_threshold": 1 / 3, "checkpoint_sha256": file_sha256(ckpt_dir / "model.pt"), **changes}
    made = dataclasses.replace(CALIBRATION, **known)
    made.save(calibration_path(ckpt_dir, SCORE))
    return made


def test_travels_in_a_config_to_the_last_digit(ckpt_dir):
    made = save(ckpt_dir, mean=torch.rand(1, 6, 10))
    config = {"score": {"_target_": "imgae_monai.transforms.ScoreDefinition", "residual": "l1"}}
    config["calibration"] = embed_calibration(ckpt_dir, SCORE)
    found = ConfigParser(json.loads(json.dumps(config))).get_parsed_content("calibration")
    assert (found.threshold, found.pixel_threshold) == (0.5, 1 / 3)
    assert torch.equal(found.mean, made.mean)
    assert found.score == SCORE


def test_no_validation_image_is_told_of(ckpt_dir):
    save(ckpt_dir, normal_scores=(0.1, 0.7), image_sha256=("0a1b" * 16, "2c3d" * 16))
    text = embed_calibration(ckpt_dir, SCORE)["text"]
    found = EmbeddedCalibration(text, SCORE)
    assert (found.image_sha256, found.normal_scores) == ((), ())
    assert b"0a1b0a1b" not in base64.b64decode(text)
    assert b"0a1b0a1b" in calibration_path(ckpt_dir, SCORE).read_bytes()


def test_that_of_other_weights_is_not_embedded(ckpt_dir):
    save(ckpt_dir, checkpoint_sha256="of others")
    with pytest.raises(InputError, match="made with other weights"):
        embed_calibration(ckpt_dir, SCORE)


def test_without_a_pixels_threshold_it_is_not_embedded(ckpt_dir):
    save(ckpt_dir, pixel_threshold=None)
    with pytest.raises(InputError, match=r"no threshold of a pixel.*imgae-monai calibrate RUN"):
        embed_calibration(ckpt_dir, SCORE)


def test_another_score_and_a_spoilt_text_are_refused_when_they_are_read(ckpt_dir):
    save(ckpt_dir)
    text = embed_calibration(ckpt_dir, SCORE)["text"]
    with pytest.raises(InputError, match=r"is for the score .*residual='l1'.*asked for is .*residual='l2'"):
        _ = EmbeddedCalibration(text, ScoreDefinition("l2")).threshold
    with pytest.raises(InputError, match=r"can't be read \(.*make the bundle again, imgae-monai deploy RUN"):
        _ = EmbeddedCalibration(text[: len(text) // 2], SCORE).threshold

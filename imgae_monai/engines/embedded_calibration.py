"""A calibration inside a config, for tools that carry configs and weights and no other file."""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
from typing import Any

from monai.config import PathLike

from imgae_monai.engines.calibrator import load_calibration
from imgae_monai.exceptions import InputError
from imgae_monai.transforms.calibration import Calibration
from imgae_monai.transforms.score_definition import ScoreDefinition


class EmbeddedCalibration:
    """Stands for the calibration in a text, and decodes it when a field of it is asked for first.

    A TorchScript bundle holds weights, metadata and configs: what :py:class:`StoredCalibration` would read beside the
    weights has to be in one of the configs. That it belongs to the weights is checked when it is embedded, see
    :py:func:`embed_calibration`, since the hash of a TorchScript file is another one.

    Args:
        text: base64 of a calibration file.
        score: the score's definition.
    """

    def __init__(self, text: str, score: ScoreDefinition) -> None:
        self._text = text
        self._score = score

    @functools.cached_property
    def _calibration(self) -> Calibration:
        try:
            calibration = Calibration.read(io.BytesIO(base64.b64decode(self._text, validate=True)))
        except Exception as e:
            raise InputError(
                f"the calibration in the config can't be read ({type(e).__name__}): make the bundle again, "
                "imgae-monai deploy RUN"
            ) from e
        if calibration.score != self._score:
            raise InputError(
                f"the calibration in the config is for the score {calibration.score}, asked for is {self._score}: "
                "make the bundle again for it, imgae-monai deploy RUN"
            )
        return calibration

    def __getattr__(self, name: str) -> Any:
        """
        Raises:
            InputError: when it can't be decoded, or is for another score.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._calibration, name)


def embed_calibration(ckpt_dir: PathLike, score: ScoreDefinition, ensemble: int = 1) -> dict[str, str]:
    """The calibration of the weights in a folder, as a component of a config that has an id ``score``.

    Hashes and scores of the validation images stay behind: they serve evaluation only, and would tell who was there.

    Args:
        ckpt_dir: folder with ``model.pt`` and the calibration.
        score: the score's definition.
        ensemble: number of members that give the score.

    Raises:
        InputError: when there is none, or it belongs to other weights, or an earlier version made it, without a
            threshold of a pixel.
    """
    calibration = load_calibration(ckpt_dir, score, ensemble)
    if calibration.pixel_threshold is None:
        raise InputError(
            f"the calibration in {ckpt_dir} has no threshold of a pixel, since an earlier version made it: make it "
            "again, imgae-monai calibrate RUN (same score options)"
        )
    buffer = io.BytesIO()
    dataclasses.replace(calibration, image_sha256=(), normal_scores=()).write(buffer)
    text = base64.b64encode(buffer.getvalue()).decode()
    return {"_target_": "imgae_monai.engines.EmbeddedCalibration", "text": text, "score": "@score"}

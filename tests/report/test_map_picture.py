from __future__ import annotations

import io

import numpy as np
from PIL import Image

from imgae_monai.report.map_picture import bar_png, map_png
from imgae_monai.visualize import anomaly_overlay


def rgba(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA")).astype(float)


def test_blended_over_its_image_it_is_the_overlay_that_evaluate_draws():
    rng = np.random.default_rng(0)
    image, anomaly_map = rng.random((16, 8)), rng.random((16, 8)) - 0.1
    heat = rgba(map_png(anomaly_map, 0.7, transparent=True))
    opacity = 0.5 * heat[..., 3:] / 255
    blend = (1 - opacity) * 255 * image[..., None] + opacity * heat[..., :3]
    assert np.abs(blend - anomaly_overlay(image, anomaly_map, vmax=0.7, alpha=0.5)).max() <= 3


def test_alone_it_is_opaque_and_ends_at_the_limit():
    drawn = rgba(map_png(np.array([[0.0, -1.0, 2.0, 5.0]]), 2.0))
    assert (drawn[..., 3] == 255).all()
    assert (drawn[0, 0] == drawn[0, 1]).all()
    assert (drawn[0, 2] == drawn[0, 3]).all()
    assert drawn[0, 2, :3].sum() > drawn[0, 0, :3].sum() + 400


def test_the_bar_has_every_colour_once():
    bar = rgba(bar_png())
    assert bar.shape == (1, 256, 4)
    assert len(np.unique(bar[0], axis=0)) == 256

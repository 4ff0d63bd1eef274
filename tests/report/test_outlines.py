from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from imgae_monai.report.outlines import outlines
from imgae_monai.transforms import ResizeKeepAspect

BOX = {"box": [0.25, 0.5, 0.25, 0.25]}


@pytest.mark.parametrize(
    ("shape", "method", "corners"),
    [
        # 200 x 100 into 64: scaled by 0.32 to 64 x 32, 16 rows of padding above
        ((100, 200), "pad", (16, 32, 32, 40)),
        # scaled by 0.64 to 128 x 64, 32 columns are cut off on the left: x from 32 - 32 to 64 - 32
        ((100, 200), "crop", (0, 32, 32, 48)),
        ((64, 64), "pad", (16, 32, 32, 48)),
    ],
)
def test_a_box_goes_where_its_image_goes(shape, method, corners):
    (line,) = outlines({"boxes": [BOX]}, shape, ResizeKeepAspect(64, method))
    left, top, right, bottom = corners
    assert line == [(left, top), (right, top), (right, bottom), (left, bottom)]


def test_what_the_crop_cut_off_is_left_out():
    outside = {"box": [0.0, 0.0, 0.1, 0.5]}
    assert outlines({"boxes": [outside]}, (100, 200), ResizeKeepAspect(64, "crop")) == []


def test_a_mask_becomes_closed_contours_around_its_pixels(tmp_path):
    mask = np.zeros((32, 32), np.uint8)
    mask[4:8, 10:20] = 255
    mask[30:, 30:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    lines = outlines({"mask": str(tmp_path / "mask.png")}, (32, 32), ResizeKeepAspect(32))
    assert len(lines) == 2
    x, y = np.array(lines[0]).T
    assert (x.min(), x.max(), y.min(), y.max()) == (10, 20, 4, 8)
    assert np.array(lines[1]).max() == 32

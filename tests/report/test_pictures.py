from __future__ import annotations

import numpy as np
import pytest
import torch

from imgae_monai.report.pictures import missing_images, plane


@pytest.mark.parametrize(("depth", "middle"), [(1, 0), (4, 2), (5, 2)])
def test_a_volume_is_shown_by_its_middle_slice(depth, middle):
    volume = torch.arange(2 * 3 * 4 * depth, dtype=torch.float64).reshape(2, 3, 4, depth)
    shown = plane(volume)
    assert shown.shape == (3, 4)
    assert shown.dtype == np.float32
    assert shown.tolist() == volume[0, :, :, middle].tolist()


def test_an_image_is_shown_as_it_is():
    assert plane(torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]])).tolist() == [[1.0, 2.0]]


def test_images_that_are_gone_and_streamed_ones_are_told_apart(tmp_path):
    (tmp_path / "here.png").touch()
    here = str(tmp_path / "here.png")
    assert missing_images([here, here]) is None
    assert missing_images([here, "/gone.png"]) == "1 of 2 images that would be shown are not files here, as /gone.png"
    streamed = "hf://owner/name?streaming=true#train/7"
    assert missing_images([here, streamed]) == f"1 of 2 images were streamed and are not kept here, as {streamed}"

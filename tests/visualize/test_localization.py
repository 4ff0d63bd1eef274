from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.metrics import compare_with_center_prior
from imgae_monai.visualize import plot_localization
from tests.visualize.conftest import points, texts


def test_model_and_prior_stand_below_each_figure(drawn) -> None:
    random = np.random.default_rng(0)
    masks = np.zeros((4, 16, 16))
    for i, mask in enumerate(masks):  # the prior of equal masks is the same in every draw, which is no interval
        mask[2 + i : 6 + i, 3:9] = 1
    maps = masks + random.normal(size=masks.shape)
    found = compare_with_center_prior(maps, masks, list("abcd"), threshold=None, n_draws=50)
    axes = drawn(plot_localization, found, "Title")
    words = texts(axes)
    assert words[:2] == ["pixel AUROC", "model"]
    assert words[3] == "centre prior"
    assert "best Dice (optimistic, uses test masks)" in words
    assert not [word for word in words if "IoU" in word]  # no threshold, so undefined on both sides
    values, intervals = points(axes, "_value"), points(axes, "_interval")
    assert values[0][0][0] == pytest.approx(found["model"]["pixel_auroc"])
    assert values[1][0][0] == pytest.approx(found["center_prior"]["pixel_auroc"])
    assert [x for x, _ in intervals[1]] == pytest.approx(list(found["center_prior"]["pixel_auroc_ci95"]))
    assert len({x.get_marker() for x in axes.lines if x.get_label() == "_value"}) == 2


def test_an_undefined_side_is_said(drawn) -> None:
    found = {"model": {"iou": 0.2, "iou_ci95": None}, "center_prior": {"iou": None, "iou_ci95": None}}
    assert texts(drawn(plot_localization, found, "Title")) == [
        *("IoU at the threshold", "model", "0.200, no interval", "centre prior", "undefined")
    ]

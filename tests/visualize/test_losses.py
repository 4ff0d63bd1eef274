from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgae_monai.visualize import loss_history, plot_losses
from tests.visualize.conftest import legend, line


def test_a_value_that_is_not_finite_leaves_a_gap(drawn) -> None:
    history = {"train": [(1, 0.9), (2, float("nan")), (3, float("inf")), (4, 0.2)], "val": [(2, 0.5)]}
    axes = drawn(plot_losses, history, "Title")
    assert legend(axes) == ["train (2 not finite)", "val"]
    assert np.isnan(line(axes, "train")[:, 1]).tolist() == [False, True, True, False]
    assert line(axes, "val").tolist() == [[2, 0.5]]


def test_the_kept_epoch_is_marked(drawn) -> None:
    axes = drawn(plot_losses, {"train": [(1, 0.9), (2, 0.5)]}, "Title", best_epoch=2)
    assert legend(axes) == ["train", "kept: epoch 2"]
    assert set(line(axes, "kept")[:, 0]) == {2}


def test_many_losses_are_told_apart(drawn) -> None:
    axes = drawn(plot_losses, {f"loss {i}": [(1, i), (2, i / 2)] for i in range(9)}, "Title")
    assert len(legend(axes)) == 9
    assert len({(x.get_color(), x.get_linestyle()) for x in axes.lines}) == 9


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"history must hold at least one \(epoch, value\) pair"):
        plot_losses(tmp_path / "a.png", {"train": []}, "Title")


def test_losses_that_are_lowered_apart_stand_in_place_of_their_sum() -> None:
    record = {"train_loss": [[1, 3.0], [2, 2.0]], "val_loss": [[2, 0.5]]}
    assert loss_history(record) == {"training": [(1, 3.0), (2, 2.0)], "validation": [(2, 0.5)]}
    terms = {"encoder_loss": [[1, 1.0], [2, 0.5]], "decoder_loss": [[1, 2.0], [2, 1.5]], "kl": [[1, 9.0], [2, 9.0]]}
    assert loss_history({**record, "train_terms": terms}) == {
        "training, encoder": [(1, 1.0), (2, 0.5)],
        "training, decoder": [(1, 2.0), (2, 1.5)],
        "validation": [(2, 0.5)],
    }
    assert loss_history({"train_loss": [], "val_loss": []}) == {}

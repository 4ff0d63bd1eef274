from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest

from imgae_monai.report.figures import draw_figures, evaluation_drawings, latent_drawings
from imgae_monai.report.latent import Projection
from tests.report.sample import sample_evaluation


def names(evaluation) -> list[str]:
    return [drawing.name for drawing in evaluation_drawings(evaluation)]


def test_each_figure_is_there_as_png_pdf_and_svg(tmp_path):
    drawn = draw_figures(evaluation_drawings(sample_evaluation()), tmp_path)
    assert [figure.name for figure in drawn] == [
        "roc",
        "precision_recall",
        "specificity_curve",
        "score_histogram",
        "confusion",
        "losses",
        "localization",
        "no_model",
        "subgroups",
    ]
    for figure in drawn:
        assert (tmp_path / f"{figure.name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / f"{figure.name}.pdf").read_bytes().startswith(b"%PDF")
        assert figure.svg.startswith("<svg")
        assert "http" not in figure.svg
        assert figure.caption


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"metrics": {}, "record": None}, ["roc", "precision_recall"]),
        ({"metrics": {}, "record": None, "labels": np.zeros(20, np.int8)}, []),
        ({"metrics": {}}, ["roc", "precision_recall", "losses"]),
        ({"metrics": {}, "record": {"train_loss": [], "val_loss": []}}, ["roc", "precision_recall"]),
    ],
)
def test_what_was_not_measured_is_not_drawn(changes, left):
    assert names(dataclasses.replace(sample_evaluation(), **changes)) == left


def test_synthetic_images_are_told_in_every_title():
    evaluation = sample_evaluation()
    metrics = {**evaluation.metrics, "synthetic": True}
    for drawing in evaluation_drawings(dataclasses.replace(evaluation, metrics=metrics)):
        file = io.BytesIO()
        drawing.draw(file, "inline_svg")
        assert b"synthetic phantoms" in file.getvalue(), drawing.name


def test_codes_tell_that_distances_of_a_tsne_mean_little(tmp_path):
    points = np.random.default_rng(0).normal(size=(20, 2))
    drawings = latent_drawings(Projection(points, (0.61, 0.2), points, 6.0), np.repeat([0, 1], 10), "tiny")
    assert "61% of the variance" in draw_figures(drawings, tmp_path)[0].svg
    assert "mean little" in drawings[1].caption

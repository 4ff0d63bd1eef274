from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from imgae_monai.visualize import anomaly_overlay, overlays, picture_grid, signed_overlay

HOTTEST = 255 * np.array(matplotlib.colormaps["inferno"](1.0)[:3])


def row(seed: int = 0, size: int = 16, heat: float = 1.0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    image, pred = rng.random((2, size, size))
    return {"image": image, "pred": pred, "anomaly_map": heat * np.abs(image - pred), "caption": f"{seed}.png, normal"}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is saved during the test."""
    figures: list[Figure] = []
    save = overlays.save_figure

    def keep(figure: Figure, path: Path) -> None:
        figures.append(figure)
        save(figure, path)

    monkeypatch.setattr(overlays, "save_figure", keep)
    return figures


def test_a_map_of_zero_leaves_the_grey_image() -> None:
    image = np.linspace(0, 1, 12).reshape(3, 4)
    overlay = anomaly_overlay(image, np.zeros((3, 4)), vmax=1)
    assert overlay.dtype == np.uint8
    assert overlay.shape == (3, 4, 3)
    assert (overlay == np.rint(255 * image)[..., None]).all()


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_hottest_pixel_is_blended_by_alpha(alpha: float) -> None:
    overlay = anomaly_overlay(np.full((1, 1), 0.2), np.full((1, 1), 3.0), vmax=3, alpha=alpha)
    assert overlay[0, 0] == pytest.approx((1 - alpha) * 0.2 * 255 + alpha * HOTTEST, abs=0.51)


def test_opacity_rises_with_the_square_up_to_half_of_the_scale() -> None:
    opacity = [0.0, 0.04, 0.25, 1.0, 1.0]
    overlay = anomaly_overlay(np.ones((1, 5)), np.array([[0.0, 0.1, 0.25, 0.5, 0.9]]), vmax=1, alpha=1.0)
    colours = matplotlib.colormaps["inferno"](np.array([0.0, 0.1, 0.25, 0.5, 0.9]))[:, :3]
    expected = [255 * ((1 - a) + a * colour) for a, colour in zip(opacity, colours, strict=True)]
    assert overlay[0] == pytest.approx(np.array(expected), abs=0.51)


def test_a_signed_map_has_a_colour_a_sign_and_none_at_0() -> None:
    image = np.full((1, 5), 0.4)
    overlay = signed_overlay(image, np.array([[-8.0, -2.0, 0.0, 1.0, 2.0]]), vmax=2, alpha=0.5).astype(float)
    grey, red, blue = 0.4 * 255, np.array([213, 94, 0]), np.array([86, 180, 233])
    expected = [(grey + blue) / 2, (grey + blue) / 2, grey + 0 * red, 0.75 * grey + red / 4, (grey + red) / 2]
    assert overlay[0] == pytest.approx(np.array(expected), abs=0.51)


@pytest.mark.parametrize("overlay", [anomaly_overlay, signed_overlay])
@pytest.mark.parametrize(("vmax", "alpha"), [(0.0, 0.5), (float("nan"), 0.5), (1.0, 1.1), (1.0, -0.1)])
def test_scale_and_opacity_out_of_range_are_refused(overlay, vmax, alpha) -> None:
    with pytest.raises(ValueError, match=r"vmax must be|alpha must lie"):
        overlay(np.zeros((2, 2)), np.zeros((2, 2)), vmax=vmax, alpha=alpha)


def test_values_beyond_the_scale_are_drawn_at_its_ends() -> None:
    image = np.full((1, 4), 0.4)
    overlay = anomaly_overlay(image, np.array([[-5.0, 0.0, 2.0, 90.0]]), vmax=2)
    assert (overlay[0, 0] == overlay[0, 1]).all()
    assert (overlay[0, 2] == overlay[0, 3]).all()


def test_the_share_of_colour_rises_with_the_map() -> None:
    overlay = anomaly_overlay(np.full((1, 6), 0.5), np.linspace(0, 0.5, 6)[None], vmax=1).astype(int)
    assert (np.diff(np.ptp(overlay[0], axis=1)) > 0).all()


def test_the_scale_is_vmax_and_not_the_maximum_of_the_image() -> None:
    item = row()
    half = anomaly_overlay(item["image"], item["anomaly_map"] / 2, vmax=1)
    assert (half == anomaly_overlay(item["image"], item["anomaly_map"], vmax=2)).all()
    assert (half != anomaly_overlay(item["image"], item["anomaly_map"], vmax=1)).any()


@pytest.mark.parametrize(
    ("image", "anomaly_map", "settings", "message"),
    [
        (np.zeros((1, 4, 4)), np.zeros((4, 4)), {}, r"image must be \(H, W\), grey and without a channel"),
        (np.full((4, 4), 200), np.zeros((4, 4)), {}, r"image must be finite and in \[0, 1\]; got 200.0 to 200.0"),
        (np.full((4, 4), np.nan), np.zeros((4, 4)), {}, "image must be finite"),
        (np.zeros((4, 4)), np.zeros((4, 5)), {}, r"anomaly_map must have the image's shape \(4, 4\); got \(4, 5\)"),
        (np.zeros((4, 4)), np.full((4, 4), np.nan), {}, "anomaly_map must be finite; got 16 NaN or infinite pixels"),
        (np.zeros((4, 4)), np.zeros((4, 4)), {"vmax": 0}, "vmax must be finite and above 0, one value for all"),
        (np.zeros((4, 4)), np.zeros((4, 4)), {"alpha": 50}, r"alpha must lie in \[0, 1\]; got 50"),
    ],
)
def test_malformed_input_is_refused(image: Any, anomaly_map: Any, settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        anomaly_overlay(image, anomaly_map, **{"vmax": 1.0, **settings})


@pytest.mark.parametrize("n", [1, 3])
def test_a_grid_is_a_png_that_grows_by_the_row(n: int, tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    picture_grid([row(i, size=8 * (i + 1)) for i in range(n)], path, vmax=1, title="Test images")
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width == 945
        assert image.height == pytest.approx(150 * (1.03 + n * 1.78), abs=1)


def test_all_rows_share_one_scale(drawn: list[Figure], tmp_path: Path) -> None:
    rows = [row(0, heat=0.1), row(1, heat=1.0)]
    picture_grid(rows, tmp_path / "grid.png", vmax=0.8, title="Test images")
    maps = [axes.images[0] for axes in drawn[0].axes[2:8:4]]
    assert [image.get_clim() for image in maps] == [(0, 0.8), (0, 0.8)]
    assert [image.get_array().max() for image in maps] == [item["anomaly_map"].max() for item in rows]
    assert drawn[0].axes[-1].get_xlim() == (0, 0.8)


def test_panels_are_image_reconstruction_map_and_overlay(drawn: list[Figure], tmp_path: Path) -> None:
    item = row(4)
    picture_grid([item], tmp_path / "grid.png", vmax=0.8, title="Test images")
    panels = [axes.images[0] for axes in drawn[0].axes[:4]]
    assert [image.get_clim() for image in panels[:2]] == [(0, 1), (0, 1)]
    for panel, key in zip(panels, ("image", "pred", "anomaly_map"), strict=False):
        assert (panel.get_array() == item[key]).all()
    assert (panels[3].get_array() == anomaly_overlay(item["image"], item["anomaly_map"], 0.8)).all()
    texts = [text.get_text() for text in drawn[0].texts]
    assert texts == ["Test images", "image", "reconstruction", "anomaly map", "overlay", "4.png, normal"]


def test_a_hotter_map_changes_the_picture_and_leaves_the_image_panel(tmp_path: Path) -> None:
    for name, heat in (("cold", 0.1), ("hot", 1.0)):
        picture_grid([row(heat=heat)], tmp_path / f"{name}.png", vmax=1, title="")
    cold, hot = (np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")) for name in ("cold", "hot"))
    assert (cold[:, :460] == hot[:, :460])[120:340].all()
    assert (cold[:, 480:] != hot[:, 480:])[120:340].any()


@pytest.mark.parametrize("pad", ["x" * 300, "$unbalanced", "two\nlines"])
def test_a_caption_stays_on_one_line_and_is_literal(pad: str, drawn: list[Figure], tmp_path: Path) -> None:
    picture_grid([{**row(), "caption": f"first {pad} last"}], tmp_path / "grid.png", vmax=1, title="$")
    text = drawn[0].texts[-1]
    assert text.get_text().startswith("first ")
    assert text.get_text().endswith(" last")
    drawn[0].canvas.draw()
    assert text.get_window_extent().x1 <= drawn[0].bbox.x1
    assert "\n" not in text.get_text()


def test_a_malformed_row_is_named(tmp_path: Path) -> None:
    good = row()
    cases = [
        ({key: good[key] for key in ("image", "caption")}, "row 1 must have .*; pred, anomaly_map missing"),
        ({**good, "pred": np.zeros((3, 3))}, r"row 1: pred must have the image's shape \(16, 16\); got \(3, 3\)"),
        ({**good, "image": good["image"] * 255}, r"row 1: image must be finite and in \[0, 1\]"),
        ({**good, "anomaly_map": good["image"][None]}, "row 1: anomaly_map must have the image's shape"),
    ]
    for bad, message in cases:
        with pytest.raises(ValueError, match=message):
            picture_grid([good, bad], tmp_path / "grid.png", vmax=1, title="")
    assert list(tmp_path.iterdir()) == []


def test_no_row_too_many_rows_and_a_bad_scale_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="draws 1 to 200 rows a file; got 0"):
        picture_grid([], tmp_path / "grid.png", vmax=1, title="")
    with pytest.raises(ValueError, match="draws 1 to 200 rows a file; got 201"):
        picture_grid([row()] * 201, tmp_path / "grid.png", vmax=1, title="")
    with pytest.raises(ValueError, match="vmax must be finite and above 0"):
        picture_grid([row()], tmp_path / "grid.png", vmax=float("nan"), title="")
    with pytest.raises(ValueError, match=r"path must end in \.png"):
        picture_grid([row()], tmp_path / "grid.gif", vmax=1, title="")

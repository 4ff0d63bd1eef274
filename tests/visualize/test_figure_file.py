from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from imgae_monai.visualize import plot_losses, plot_roc
from imgae_monai.visualize.figure_file import FORMATS

DRAW = """
from tests.visualize.test_figure_file import FORMATS, digest
print(*(digest(file_format) for file_format in FORMATS))
"""


def digest(file_format: str) -> str:
    file = io.BytesIO()
    roc(file, "Title é", file_format)
    return hashlib.sha256(file.getvalue()).hexdigest()


def roc(path: object, title: str = "Title", file_format: str | None = None) -> None:
    plot_roc(path, {"model": [0.1, 0.4, 0.6, 0.8]}, [0, 1, 0, 1], title, file_format=file_format)


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_the_suffix_decides_the_format(suffix: str, start: bytes, tmp_path: Path) -> None:
    roc(tmp_path / f"plot{suffix.upper()}")
    assert (tmp_path / f"plot{suffix.upper()}").read_bytes().startswith(start)


def test_an_open_file_is_a_png_unless_told(tmp_path: Path) -> None:
    file, inline = io.BytesIO(), io.BytesIO()
    roc(file)
    roc(inline, file_format="inline_svg")
    assert file.getvalue().startswith(b"\x89PNG")
    assert inline.getvalue().startswith(b"<svg ")


def test_a_png_is_100_mm_wide_at_150_dpi(tmp_path: Path) -> None:
    roc(tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        assert image.width == pytest.approx(100 / 25.4 * 150, abs=1)
        assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_the_same_input_gives_the_same_bytes_in_another_process() -> None:
    again = subprocess.run(
        [sys.executable, "-c", DRAW],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert again.stdout.split() == [digest(file_format) for file_format in FORMATS]


def test_a_pdf_embeds_truetype_fonts_and_no_date(tmp_path: Path) -> None:
    roc(tmp_path / "plot.pdf")
    content = (tmp_path / "plot.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"Date" not in content


@pytest.mark.parametrize(
    ("path", "file_format", "match"),
    [
        ("plot.jpg", None, r"path must end in \.png, \.pdf or \.svg; got .*plot\.jpg"),
        ("plot.png", "pdf", r"path must end in the suffix of pdf; got .*plot\.png"),
        ("plot.png", "gif", "file_format must be one of png, pdf, svg, inline_svg; got 'gif'"),
    ],
)
def test_a_format_that_is_none_is_refused(path: str, file_format: str | None, match: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=match):
        roc(tmp_path / path, file_format=file_format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["$", "$a$ $b", r"$\frac{$", "a_b^c", "a\x00b\nc", "x" * 300])
def test_a_title_is_taken_literally(text: str, tmp_path: Path) -> None:
    roc(tmp_path / "a.svg", text)
    plot_losses(tmp_path / "b.png", {text: [(1, 1.0)]}, text)
    assert (tmp_path / "b.png").is_file()


def test_pyplot_and_torch_are_not_imported() -> None:
    code = "import sys, imgae_monai.visualize; sys.exit(bool({'matplotlib.pyplot', 'torch', 'monai'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0

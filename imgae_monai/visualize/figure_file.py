"""Write a figure as PNG, PDF or SVG: the same figure always gives the same bytes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from imgae_monai.visualize.svg import finish_svg

FORMATS = ("png", "pdf", "svg", "inline_svg")
_SUFFIXES = {".png": "png", ".pdf": "pdf", ".svg": "svg"}
_DPI = {"png": 150, "pdf": 150, "svg": 100}  # in vector files of what is drawn as pixels; a page must stay small
_SETTINGS: dict[Any, Any] = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "imgae_monai"}
_METADATA: dict[str, dict[str, str | None]] = {
    "png": {},
    "pdf": {"CreationDate": None, "ModDate": None},
    "svg": {"Date": None},
}


def save_figure(figure: Figure, path: str | Path | BinaryIO, file_format: str | None = None) -> None:
    """Write the figure, all its text taken literally: a ``$`` in a file name is no formula.

    PNG has 150 dots an inch. PDF holds its fonts as TrueType, so that a journal's checks pass. SVG keeps text as text;
    ``inline_svg`` is a fragment to stand in an HTML page, see :func:`imgae_monai.visualize.svg.finish_svg`.

    Args:
        figure: what to write.
        path: the file to write, or an open file.
        file_format: ``png``, ``pdf``, ``svg`` or ``inline_svg``. Default by the path's suffix, and ``png`` for an open
            file.

    Raises:
        ValueError: the suffix or the format is none of these, or they differ.
    """
    chosen = _format_of(path, file_format)
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    FigureCanvasAgg(figure)
    if chosen == "png":
        figure.savefig(path, format="png", dpi=_DPI["png"])
        return
    kind = chosen.removeprefix("inline_")
    file = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(file, format=kind, dpi=_DPI[kind], metadata=_METADATA[kind])
    content = file.getvalue()
    if kind == "svg":
        content = finish_svg(content, _described(figure), inline=chosen == "inline_svg")
    if isinstance(path, str | Path):
        Path(path).write_bytes(content)
    else:
        path.write(content)


def _format_of(path: str | Path | BinaryIO, file_format: str | None) -> str:
    if file_format is not None and file_format not in FORMATS:
        raise ValueError(f"file_format must be one of {', '.join(FORMATS)}; got {file_format!r}")
    if not isinstance(path, str | Path):
        return file_format or "png"
    by_suffix = _SUFFIXES.get(Path(path).suffix.lower())
    if by_suffix is None:
        raise ValueError(f"path must end in .png, .pdf or .svg; got {str(path)!r}")
    if file_format is not None and file_format.removeprefix("inline_") != by_suffix:
        raise ValueError(f"path must end in the suffix of {file_format}; got {str(path)!r}")
    return file_format or by_suffix


def _described(figure: Figure) -> str:
    """What a screen reader says instead of the picture: title, axes and legend."""
    parts = [" ".join(figure.get_suptitle().split())]
    for axes in figure.axes:
        names = [" ".join(name.split()) for name in (axes.get_ylabel(), axes.get_xlabel()) if name]
        parts.append(" by ".join(names))
    for legend in figure.legends:
        parts += [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]
    return ". ".join(part for part in parts if part)

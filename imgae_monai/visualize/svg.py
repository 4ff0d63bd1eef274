"""Make matplotlib's SVG fit for standing in an HTML page, beside others, on light or dark ground."""

from __future__ import annotations

import hashlib
import re
from xml.etree import ElementTree

from imgae_monai.visualize.style import CARD, DIM, INK, LINE

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_THEME = {INK: "--text", DIM: "--dim", LINE: "--line", CARD: "--card"}
_FONT = re.compile(r"font-family:[^;]*")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_COORDINATES = ("d", "x", "y", "x1", "x2", "y1", "y2", "transform")


def finish_svg(svg: bytes, title: str, inline: bool) -> bytes:
    """Give an SVG a title, ids of its own and short coordinates, and for a page its colours.

    Every id begins with a digest of the figure, so that several figures of one page don't share clip paths. The style
    sheet that matplotlib adds, which would hold for the whole page, becomes a style of the figure alone.

    Args:
        svg: as matplotlib writes it, text as text.
        title: what a screen reader says.
        inline: a fragment without prolog, doctype and name spaces, as wide as its place allows; text, axes, grid and
            ground take the page's ``--text``, ``--dim``, ``--line`` and ``--card``, and paper's colours where it has
            none. Otherwise a file of its own in paper's colours.

    Returns:
        The SVG, UTF-8.
    """
    root = ElementTree.fromstring(svg)
    prefix = f"f{hashlib.sha256(svg + title.encode()).hexdigest()[:10]}-"
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        _share_style(element)
        _finish_element(element, prefix, inline)
    heading = ElementTree.Element("title", {"id": f"{prefix}title"})
    heading.text = title
    root.insert(0, heading)
    for name in ("version", "width", "height") if inline else ():
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{prefix}title"}
    root.attrib["style"] = "stroke-linejoin: round; stroke-linecap: butt"
    if inline:
        root.attrib["style"] += "; width: 100%; max-width: 30rem; height: auto"
        return ElementTree.tostring(root, encoding="unicode").encode()
    root.attrib |= {"xmlns": _SVG, "xmlns:xlink": _XLINK}
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode").encode()


def _finish_element(element: ElementTree.Element, prefix: str, inline: bool) -> None:
    element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
    if element.tag != "text" and element.text and not element.text.strip():
        element.text = None
    element.tail = None
    for name in list(element.attrib):
        value = element.attrib.pop(name)
        short = name.replace(f"{{{_XLINK}}}", "" if inline else "xlink:")
        if short == "id":
            value = prefix + value
        elif short.endswith("href") and value.startswith("#"):
            value = f"#{prefix}{value[1:]}"
        elif short == "style":
            value = _finish_style(value, inline)
        elif short in _COORDINATES:
            value = _NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), value)
            value = " ".join(value.split())
        element.attrib[short] = value.replace("url(#", f"url(#{prefix}")


def _share_style(group: ElementTree.Element) -> None:
    """Say once what all points of a line look like."""
    styles = {point.attrib.get("style", "") for point in group if point.tag == f"{{{_SVG}}}use"}
    if len(styles) == 1 and len(group) > 1 and "style" not in group.attrib:
        group.attrib["style"] = styles.pop()
        for point in group:
            point.attrib.pop("style", None)


def _finish_style(style: str, inline: bool) -> str:
    style = _FONT.sub("font-family: 'DejaVu Sans', Verdana, sans-serif", style)
    if inline:
        style = _FONT.sub("font-family: system-ui, sans-serif", style)
        for colour, variable in _THEME.items():
            style = style.replace(colour.lower(), f"var({variable}, {colour.lower()})")
    return style

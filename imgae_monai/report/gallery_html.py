"""Pictures of single images as HTML, with a slider for the maps that lie over them."""

from __future__ import annotations

from html import escape

from imgae_monai.page import data_uri
from imgae_monai.report.content import RunContent, decision, truth
from imgae_monai.report.map_picture import bar_png
from imgae_monai.report.pictures import Case, Gallery, short_names

_EXPLAINED = {
    "gradient": "Gradient: orange where darker, blue where brighter would be less abnormal. ",
    "occlusion": "Occlusion: orange where the score falls, blue where it rises, once the reconstruction stands there. ",
}


def gallery_html(content: RunContent, gallery: Gallery, prefix: str) -> str:
    """Groups of images, each as image, reconstruction, anomaly map and overlay.

    Args:
        content: of the run.
        gallery: its pictures.
        prefix: of ids.
    """
    rows = list(gallery.cases)
    names = dict(zip(rows, short_names([content.evaluation.images[row] for row in rows]), strict=True))
    groups = "".join(
        f"<h4>{escape(choice.title)}</h4>"
        + "".join(_case_html(content, gallery.cases[row], names[row]) for row in choice.rows)
        for choice in gallery.choices
    )
    explained = dict.fromkeys(method for case in gallery.cases.values() for method in case.explanations)
    parts = [
        "Extremes by score, no sample: they do not tell how often such images are. The anomaly map shows where "
        "image and reconstruction differ; a score made of something else may say otherwise. It is no diagnosis. ",
        "Lines: where the data say that something is abnormal. "
        if any(c.outlines for c in gallery.cases.values())
        else "",
        *(_EXPLAINED.get(method, "") for method in explained),
        "These have a colour scale of their own in each image. " if explained else "",
    ]
    note = "".join(parts)
    return f"<p class='more'>{note}</p>{_control(prefix)}{_bar(gallery.limit)}{groups}"


def _control(prefix: str) -> str:
    """Hidden until the script runs: without it the maps lie over the images at one half."""
    return (
        f"<div class='control' hidden><label for='{prefix}opacity'>Opacity of the anomaly maps over the images</label>"
        f"<input type='range' id='{prefix}opacity' min='0' max='100' step='5' value='50'>"
        f"<output for='{prefix}opacity'>50 %</output></div>"
    )


def _bar(limit: float) -> str:
    bar = data_uri(bar_png(), "image/png")
    return (
        f"<p class='bar'><span>anomaly map: 0</span><img src='{bar}' alt='colour bar, from dark to light'>"
        f"<span>{limit:.4g} or more, the same for all images of this run</span></p>"
    )


def _case_html(content: RunContent, case: Case, name: str) -> str:
    evaluation = content.evaluation
    is_so, called = truth(evaluation, case.row), decision(evaluation, case.row)
    threshold = (evaluation.metrics or {}).get("threshold")
    known = called != "not known"
    verdict = f"decided {called}" if known else "no decision known"
    style = "wrong" if known and called != is_so else "right"
    against = "" if threshold is None else f", threshold {threshold:.5g}"
    shown = escape(name, quote=True)
    lines = _outlines(case)
    panels = [
        ("image", f"<img src='{case.image}' alt='Image {shown}, {is_so}'>{lines}"),
        ("reconstruction", f"<img src='{case.reconstruction}' alt='Its reconstruction'>"),
        ("anomaly map", f"<img src='{case.anomaly_map}' alt='Its anomaly map'>"),
        (
            "overlay",
            f"<img src='{case.image}' alt='Image {shown} under its anomaly map'>"
            f"<img class='heat' src='{case.heat}' alt=''>{lines}",
        ),
    ]
    panels += [
        (escape(method), f"<img src='{uri}' alt='{escape(method)} over the image'>{lines}")
        for method, uri in case.explanations.items()
    ]
    cells = "".join(
        f"<div class='panel'><div class='stack'>{picture}</div>{escape(label)}</div>" for label, picture in panels
    )
    return (
        f"<figure class='case'><figcaption>Truth {is_so}, <span class='{style}'>{verdict}</span>: score "
        f"{evaluation.scores[case.row]:.5g}{against}<code>{shown}</code></figcaption><div class='panels'>{cells}</div>"
        "</figure>"
    )


def _outlines(case: Case) -> str:
    if not case.outlines:
        return ""
    height, width = case.size
    paths = "".join(f"<path d='M{' L'.join(f'{x:g} {y:g}' for x, y in line)} Z'/>" for line in case.outlines)
    return f"<svg viewBox='0 0 {width} {height}' preserveAspectRatio='none' aria-hidden='true'>{paths}</svg>"

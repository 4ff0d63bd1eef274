"""Make a report of one or several evaluations: page, Markdown, JSON and figures."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imgae_monai.engines.versions import versions
from imgae_monai.exceptions import InputError
from imgae_monai.report.bare_metrics import with_metrics
from imgae_monai.report.comparison_content import ComparisonContent, make_comparison
from imgae_monai.report.content import RunContent, shown_rows
from imgae_monai.report.evaluation import Evaluation
from imgae_monai.report.figures import KINDS, Drawn, draw_figures, evaluation_drawings, latent_drawings
from imgae_monai.report.latent import project, sample_rows
from imgae_monai.report.markdown import render_markdown
from imgae_monai.report.page import render_page
from imgae_monai.report.pictures import Gallery, make_gallery, missing_images
from imgae_monai.report.rerun import EvaluatedNetwork
from imgae_monai.report.same_images import align
from imgae_monai.report.seed_groups import SeedGroup, seed_groups
from imgae_monai.report.settings import run_folder

logger = logging.getLogger(__name__)

REPORT_PARTS = ("report.html", "report.md", "report.json")
_FIGURES = "figures"


@dataclasses.dataclass(frozen=True)
class Report:
    """A report as it was written.

    Args:
        runs: of each evaluation.
        comparison: of several.
    """

    runs: list[RunContent]
    comparison: ComparisonContent | None

    @property
    def words(self) -> list[str]:
        """Notices and the verdict, as they stand first on the page."""
        notices = dict.fromkeys(notice for content in self.runs for notice in content.notices)
        return [*notices, *(self.runs[0].verdict if self.comparison is None else self.comparison.words)]


def write_report(
    evaluations: Sequence[Evaluation],
    output: Path,
    n_examples: int = 4,
    explain: Sequence[str] = (),
    seed: int = 0,
    device: str | None = None,
) -> Report:
    """Write ``report.html``, ``report.md``, ``report.json`` and ``figures/``.

    Args:
        evaluations: at least one; several must be of the same images.
        output: folder to write to; what is there is replaced.
        n_examples: images in each group of pictures.
        explain: ``"gradient"``, ``"occlusion"`` or both, beside each picture.
        seed: of intervals, of the images whose codes are shown, of the t-SNE and of explanations.
        device: where the network runs; None for the evaluation's.

    Returns:
        what was written.

    Raises:
        InputError: when weights, data or scores are no longer what the figures are of.
    """
    evaluations = [with_metrics(e, seed=seed) for e in named_apart(evaluations)]
    align(evaluations)
    groups = seed_groups(evaluations)
    # what is refused is refused before a report that is there is removed
    shown = [_show(evaluations[group.members[0]], n_examples, explain, seed, device) for group in groups]
    _clear(output)
    runs = []
    for group, pictures in zip(groups, shown, strict=True):
        evaluation = evaluations[group.members[0]]
        folder = _FIGURES if len(evaluations) == 1 else f"{_FIGURES}/{_file_name(evaluation.name)}"
        content = _run_content(evaluation, output, folder, pictures, seed)
        runs.append(dataclasses.replace(content, model=group.name, seeds_note=_seeds_note(evaluation, group)))
    comparison: ComparisonContent | None = None
    if len(evaluations) > 1:
        comparison = make_comparison(evaluations, output / _FIGURES, seed)
    page = render_page(runs, comparison)
    (output / "report.html").write_text(page, encoding="utf-8", errors="replace")
    (output / "report.md").write_text(render_markdown(runs, comparison), encoding="utf-8", errors="replace")
    result = {
        "runs": [_run_dict(content) for content in runs],
        "comparison": None if comparison is None else {"words": comparison.words, **comparison.result},
        "files": _files(runs, comparison),
        "versions": versions(),
    }
    (output / "report.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    return Report(runs, comparison)


def _seeds_note(evaluation: Evaluation, group: SeedGroup) -> str:
    if len(group.members) == 1:
        return ""
    return (
        f"{group.name} was trained with {len(group.members)} seeds ({', '.join(map(str, group.seeds))}). What follows "
        f"is of {evaluation.name} (seed {group.seeds[0]}) alone, the first of them; the comparison has all."
    )


@dataclasses.dataclass(frozen=True)
class _Shown:
    """The network of an evaluation and its pictures, or why there are none."""

    network: EvaluatedNetwork | None
    gallery: Gallery | None
    reason: str = ""


def _show(evaluation: Evaluation, n_examples: int, explain: Sequence[str], seed: int, device: str | None) -> _Shown:
    network = _network(evaluation, device)
    if isinstance(network, str):
        return _Shown(None, None, network)
    gone = missing_images(evaluation.images)
    if gone:
        return _Shown(None, None, gone)
    gallery = make_gallery(evaluation, network, _regions(network, evaluation), n_examples, explain, seed)
    return _Shown(network, gallery)


def _run_content(evaluation: Evaluation, output: Path, folder: str, shown: _Shown, seed: int) -> RunContent:
    figures = draw_figures(evaluation_drawings(evaluation), output / folder)
    latent: list[Drawn] = []
    note = f"No codes: {shown.reason}."
    if shown.network is not None:
        latent, note = _latent(evaluation, shown.network, output / folder, seed)
    return RunContent(evaluation, folder, figures, shown.gallery, shown.reason, latent, note)


def _network(evaluation: Evaluation, device: str | None) -> EvaluatedNetwork | str:
    """The network of an evaluation, or why there is none."""
    if not (evaluation.metrics or {}).get("config"):
        return "the scores came without the config of a network"
    run = run_folder(evaluation)
    if run is None:
        return "the run's folder, with the weights, is not where it was"
    return EvaluatedNetwork(evaluation.metrics or {}, run, device)


def _regions(network: EvaluatedNetwork, evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    try:
        return network.regions(evaluation.images)
    except InputError as e:
        logger.warning("regions can't be drawn: %s", e)
        return {}


def _latent(evaluation: Evaluation, network: EvaluatedNetwork, folder: Path, seed: int) -> tuple[list[Drawn], str]:
    rows = sample_rows(len(evaluation.images), seed)
    try:
        codes = network.encode([evaluation.images[row] for row in rows])
        projection = project(codes, seed)
    except ValueError as e:  # an InputError too
        return [], f"No codes: {e}."
    drawn = draw_figures(latent_drawings(projection, evaluation.labels[rows], evaluation.name), folder)
    of = "all" if len(rows) == len(evaluation.images) else f"{len(rows):,} images, drawn by chance, of"
    note = (
        f"The network's codes ({codes.shape[1]} numbers an image) of {of} {len(evaluation.images):,} images in two "
        f"dimensions, seed {seed}. No label was used to place a point. Classes that lie apart here need not be told "
        "apart by the score, nor the other way round."
    )
    return drawn, note


def _run_dict(content: RunContent) -> dict[str, Any]:
    shown = shown_rows(content)
    return {
        "name": content.evaluation.name,
        "folder": str(content.evaluation.folder),
        "notices": content.notices,
        "verdict": content.verdict,
        "metrics": content.evaluation.metrics,
        "figures": [f"{content.folder}/{drawn.name}" for drawn in (*content.figures, *content.latent)],
        "captions": {drawn.name: drawn.caption for drawn in (*content.figures, *content.latent)},
        "pictures": None if shown is None else [dict(zip(shown.columns, row, strict=True)) for row in shown.rows],
        "pictures_reason": content.no_gallery or None,
        "codes": content.latent_note,
    }


def _files(runs: Sequence[RunContent], comparison: ComparisonContent | None) -> list[str]:
    """What was drawn, for the next report to replace; nothing that was there before."""
    drawn = [(content.folder, figure.name) for content in runs for figure in (*content.figures, *content.latent)]
    drawn += [(_FIGURES, figure.name) for figure in (() if comparison is None else comparison.figures)]
    return sorted(f"{folder}/{name}.{kind}" for folder, name in drawn for kind in KINDS)


def _clear(output: Path) -> None:
    """Remove what an earlier report wrote, and nothing else."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / "report.json"
    if path.is_file():
        try:
            files = json.loads(path.read_text(encoding="utf-8"))["files"]
        except (ValueError, KeyError, TypeError):
            files = []
        for name in files:
            file = (output / str(name)).resolve()
            if (output / _FIGURES).resolve() in file.parents and file.suffix in (".png", ".pdf"):
                file.unlink(missing_ok=True)
    for name in REPORT_PARTS:
        (output / name).unlink(missing_ok=True)


def named_apart(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Evaluations whose names differ, also as names of folders: a folder is named with its parent, then numbered."""
    names = [evaluation.name for evaluation in evaluations]
    if len(set(names)) < len(names):
        names = [f"{evaluation.folder.parent.name}-{evaluation.name}" for evaluation in evaluations]
    taken: set[str] = set()
    apart = []
    for evaluation, name in zip(evaluations, names, strict=True):
        unique, number = name, 1
        while _file_name(unique) in taken:
            number += 1
            unique = f"{name}-{number}"
        taken.add(_file_name(unique))
        apart.append(dataclasses.replace(evaluation, name=unique))
    return apart


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip(".") or "run"

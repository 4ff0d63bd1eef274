"""Score normal images and corrupted copies of them by many scores, with one pass of the network an image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from imgae_monai.exceptions import InputError
from imgae_monai.selection.criterion import CopyScores
from imgae_monai.selection.families import CorruptionFamily, changed_pixels
from imgae_monai.selection.map_scorer import Pair
from imgae_monai.selection.normal_statistics import NormalStatistics
from imgae_monai.selection.selection_run import SelectionRun
from imgae_monai.transforms.fixed_corruption import FixedCorruptiond
from imgae_monai.transforms.score_definition import CODES, ScoreDefinition

_FEWEST_PATIENTS = 8


def split_halves(patients: Sequence[str], seed: int) -> NDArray[np.intp]:
    """Which half each image is in: patients are dealt out in the order of a hash, so that halves are of one size.

    Args:
        patients: of each image.
        seed: of the split.

    Raises:
        InputError: when there are fewer than eight patients: statistics of a half take four images.
    """
    order = sorted(set(patients), key=lambda patient: hashlib.sha256(f"{seed}/{patient}".encode()).digest())
    if len(order) < _FEWEST_PATIENTS:
        raise InputError(
            f"selection takes normal validation images of at least {_FEWEST_PATIENTS} patients, got {len(order)}"
        )
    half = {patient: i % 2 for i, patient in enumerate(order)}
    return np.array([half[patient] for patient in patients], dtype=np.intp)


def score_copies(
    run: SelectionRun,
    items: Sequence[Mapping[str, Any]],
    scores: Sequence[ScoreDefinition],
    families: Mapping[str, CorruptionFamily],
    n_copies: int = 2,
    seed: int = 0,
    vary: Callable | None = None,
) -> dict[str, CopyScores]:
    """Score images and copies. What a score learns from normal images it learns from the other half of the patients.

    With ``vary`` each image and each copy is first changed in a harmless way of its own, so that a score gains nothing
    by noticing a change as such. What is learned from normal images is learned from them as they are.

    Args:
        run: network and transforms.
        items: normal validation images, see :py:func:`imgae_monai.selection.validation_items`.
        scores: definitions with different names.
        families: by name.
        n_copies: copies of each image by each family.
        seed: of the halves and the copies.
        vary: random dictionary transform of ``image``, put before an image is made smaller; None for none.

    Returns:
        by the scores' names.

    Raises:
        InputError: when the run can't give a score, or there are too few patients.
    """
    patients = [str(item["patient_id"]) for item in items]
    halves = split_halves(patients, seed)
    for score in scores:
        run.check_score(score)
    images = [run.load(item) for item in items]
    parts = list({part.name: part for score in scores for part in _parts(score)}.values())
    codes = [name for name in CODES if any(name in score.codes for score in scores)]
    statistics = NormalStatistics(run, parts, codes, images, halves)
    table = _Table([*(part.name for part in parts), *codes], len(items), families, n_copies)
    for i, item in enumerate(tqdm(items, desc=run.name, unit=" images", leave=False)):
        partner = images[_partner(patients, i)]
        bases = [images[i]] * (1 + len(table.copies)) if vary is None else _varied(run, item, vary, table.copies, seed)
        changed = [
            families[f](base, str(item["sha256"]), copy, seed, partner)
            for base, (f, copy) in zip(bases[1:], table.copies, strict=True)
        ]
        batch = [run.finish(image) for image in (bases[0], *changed)]
        half = int(halves[i])
        masks = [None, *map(changed_pixels, bases[1:], changed)]
        pairs = map(Pair, batch, run.reconstruct(batch))
        for place, (pair, mask) in enumerate(zip(pairs, masks, strict=True)):
            for scorer in statistics.scorers:
                found = scorer(pair, half)
                for score in scorer.scores:
                    table.values[score.name][i, place] = found.values[score.name]
                    if mask is not None:
                        table.add_area(score.name, place, found.pixel_auroc(score.z_score, mask))
        for name, distances in statistics.distances(run.codes(codes, batch)).items():
            table.values[name][i] = distances
    for score in scores:
        if score.components:
            table.combine(score, statistics, halves)
    return {score.name: table.scores_of(score, halves, patients) for score in scores}


class _Table:
    """Values of images (rows) and their copies (columns: the clean image, then each family's copies) by score."""

    def __init__(self, names: Sequence[str], n_images: int, families: Iterable[str], n_copies: int) -> None:
        self.families = list(families)
        self.n_copies = n_copies
        self.copies = [(family, copy) for family in families for copy in range(n_copies)]
        self.values = {name: np.zeros((n_images, 1 + len(self.copies))) for name in names}
        self._areas: dict[tuple[str, str], list[float]] = {}

    def add_area(self, name: str, place: int, area: float | None) -> None:
        if area is not None:
            self._areas.setdefault((name, self.copies[place - 1][0]), []).append(area)

    def combine(self, score: ScoreDefinition, statistics: NormalStatistics, halves: NDArray[np.intp]) -> None:
        parts = torch.from_numpy(np.stack([self.values[name] for name in score.components], axis=-1))
        combinations = [statistics.combination(score, half) for half in (0, 1)]
        rows = [[float(combinations[h].score(v)) for v in row] for h, row in zip(halves, parts, strict=True)]
        self.values[score.name] = np.array(rows)

    def scores_of(self, score: ScoreDefinition, halves: NDArray[np.intp], patients: Sequence[str]) -> CopyScores:
        values = self.values[score.name]
        by_family = values[:, 1:].reshape(len(values), len(self.families), self.n_copies)
        areas = {family: self._areas.get((score.base.name, family), []) for family in self.families}
        return CopyScores(
            clean=values[:, 0],
            corrupted={family: by_family[:, i] for i, family in enumerate(self.families)},
            halves=halves,
            patients=patients,
            pixel_auroc={family: float(np.mean(found)) if found else None for family, found in areas.items()},
        )


def _varied(
    run: SelectionRun, item: Mapping[str, Any], vary: Callable, copies: Sequence[tuple[str, int]], seed: int
) -> list[torch.Tensor]:
    """An image for the clean one and for each copy, changed by what its contents and its place decide."""
    fixed = FixedCorruptiond([vary], seed, "acquisition")
    places = ["clean", *(f"{family}/{copy}" for family, copy in copies)]
    read = run.read(item)
    return [run.resize(fixed({**read, "acquisition": f"{item['sha256']}/{place}"})) for place in places]


def _parts(score: ScoreDefinition) -> list[ScoreDefinition]:
    """The scores of a map that it takes: its own, whose map is shown, and those it is combined of."""
    return [score.base, *(ScoreDefinition.parse(name) for name in score.combine if name not in CODES)]


def _partner(patients: Sequence[str], i: int) -> int:
    """The next image of another patient."""
    following = (j % len(patients) for j in range(i + 1, i + len(patients)))
    return next(j for j in following if patients[j] != patients[i])

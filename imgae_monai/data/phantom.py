"""Chest phantoms: an image model that knows where the lesion is.

A phantom is a sum of attenuations (soft tissue, air, bone), as the logarithm of a radiograph is, evaluated on a grid
of the thorax: nothing is rasterised, so the same draw exists at every size. The exposure is drawn *after* the lesion
is put in, from one distribution for all images: otherwise a lesion, which only ever adds attenuation, would betray
itself by the mean of the image, and a detector that looks at nothing would pass for a good one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from monai.utils import ensure_tuple, look_up_option
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["FINDINGS", "VIEWS", "chest_phantom"]

FINDINGS = ("nodule", "consolidation", "effusion")
VIEWS = ("PA", "AP")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Build:
    """What stays the same in a patient from one image to the next; lengths in half image widths."""

    thorax: float  # half width of the rib cage
    apex: float  # y of the top of the lungs
    dome: float  # y of the top of the right diaphragm at full inspiration
    waist: float  # half width of the mediastinum
    heart: float  # how far the left heart border bulges
    knob: float  # how far the aortic arch bulges
    girth: float  # soft tissue beside the rib cage
    shoulder: float  # y of the shoulder line
    rib_gap: float  # distance between ribs
    rib_width: float
    bone: float  # contrast of bone
    air: float  # contrast of the lungs
    vessels: float  # contrast of the vessels

    @classmethod
    def draw(cls, rng: Generator) -> _Build:
        return cls(
            thorax=rng.uniform(0.60, 0.72),
            apex=rng.uniform(-0.74, -0.64),
            dome=rng.uniform(0.40, 0.52),
            waist=rng.uniform(0.110, 0.145),
            heart=rng.uniform(0.15, 0.25),
            knob=rng.uniform(0.02, 0.06),
            girth=rng.uniform(0.12, 0.32),
            shoulder=rng.uniform(-0.70, -0.58),
            rib_gap=rng.uniform(0.150, 0.180),
            rib_width=rng.uniform(0.024, 0.032),
            bone=rng.uniform(0.75, 1.25),
            air=rng.uniform(0.42, 0.56),
            vessels=rng.uniform(0.7, 1.3),
        )


@dataclass(frozen=True)
class _Thorax:
    """The posed grid and the lung fields; arrays are (size, size)."""

    x: Array  # to the right of the image, which is the patient's left
    y: Array  # downwards
    left: Array  # 1 on the patient's left, 0 on the right
    u: Array  # across a lung: 0 at the mediastinum, 1 at the chest wall
    v: Array  # down a lung: 0 at the apex, 1 at the top of the diaphragm
    below: Array  # depth under the diaphragm
    wall: Array  # distance of the chest wall from the midline
    lung: Array  # soft indicator of the lung fields
    pixel: float


def chest_phantom(
    rng: Generator,
    size: int,
    findings: Sequence[str] = (),
    view: str = "PA",
    build_rng: Generator | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """
    Draw a stylised frontal chest radiograph, bright where it absorbs, and the mask of its lesions.

    Build, pose, breath, exposure, blur and grain vary. Mean and standard deviation of the image and the grain are
    set after the lesions are put in, from the same distributions with and without them. The same state of ``rng``
    without findings draws the healthy twin: the same chest, exposure and grain.

    Args:
        rng: generator of everything that is drawn; the same state gives the same image.
        size: height and width in pixels, at least 32.
        findings: any of ``"nodule"`` (one to three soft blobs), ``"consolidation"`` (a patchy opacity in a part of a
            lung), ``"effusion"`` (fluid in a costophrenic angle); empty for a normal image.
        view: ``"PA"``, or ``"AP"`` (a larger heart, a shallower breath).
        build_rng: generator of the patient's build, so that two images can show one patient; default: ``rng``.

    Returns:
        image, float32 (size, size) in [0, 1]; mask of the lesions, bool (size, size), all false without findings.

    Raises:
        ValueError: when a finding or the view is unknown, or ``size`` is below 32.

    Example:
        >>> image, mask = chest_phantom(np.random.default_rng(0), 64, ["nodule"])
        >>> image.shape, image.dtype.name, bool(mask.any())
        ((64, 64), 'float32', True)
    """
    if size < 32:
        raise ValueError(f"size must be at least 32 pixels, got {size}: below that a lesion is a single pixel.")
    painters = [look_up_option(finding, _PAINTERS) for finding in ensure_tuple(findings)]
    build = _Build.draw(rng if build_rng is None else build_rng)
    thorax = _pose(rng, size, build, portable=look_up_option(view, VIEWS) == "AP")
    attenuation = _soft_tissue(rng, thorax, build) + _vessels(rng, thorax, build) + _bones(rng, thorax, build)
    mask = np.zeros((size, size), dtype=bool)
    lesion_rng = np.random.default_rng(rng.integers(2**63))  # so that a lesion takes no draw away from the exposure
    for paint in painters:
        shape, contrast = paint(lesion_rng, thorax)
        attenuation += contrast * shape
        mask |= shape > 0.4
    return _expose(rng, attenuation), mask


def _step(distance: Array, softness: float) -> Array:
    """Soft indicator of ``distance > 0``."""
    return 0.5 + 0.5 * np.tanh(distance / softness)


def _bump(distance: Array, width: float) -> Array:
    return np.exp(-np.square(distance / width))


def _blur(image: Array, sigma: float) -> Array:
    """Gaussian blur with ``sigma`` in pixels, the weights renormalised at the border."""
    index = np.arange(len(image))
    kernel = _bump(np.subtract.outer(index, index), np.sqrt(2.0) * sigma)
    kernel /= kernel.sum(axis=1, keepdims=True)
    return kernel @ image @ kernel.T


def _patchy(rng: Generator, size: int, cells: int) -> Array:
    """Smooth random field with mean 0 and standard deviation near 1: ``cells`` x ``cells`` draws, interpolated."""
    weights = _bump(np.linspace(0, cells - 1, size)[:, None] - np.arange(cells), 0.9)
    weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
    return weights @ rng.standard_normal((cells, cells)) @ weights.T


def _pose(rng: Generator, size: int, build: _Build, portable: bool) -> _Thorax:
    """Place the grid in the thorax (turn, shift, zoom) and breathe."""
    angle, shift_x, shift_y, zoom, turn, breath = rng.uniform(
        (-0.07, -0.06, -0.06, 0.92, -0.035, -0.07), (0.07, 0.06, 0.06, 1.10, 0.035, 0.03)
    )
    axis = (np.arange(size) + 0.5) * 2 / size - 1
    x0, y0 = axis[None, :] - shift_x, axis[:, None] - shift_y
    x = zoom * (np.cos(angle) * x0 + np.sin(angle) * y0)
    y = zoom * (np.cos(angle) * y0 - np.sin(angle) * x0)
    pixel = 2 * zoom / size
    left = (x > 0).astype(float)
    across = np.abs(x)

    dome = build.dome + breath - 0.06 * portable + 0.05 * _step(x, 0.1)
    v = (y - build.apex) / (dome - build.apex)
    rise = np.clip(v, 0, 1)
    wall = 0.27 + (build.thorax - 0.27) * (1 - (1 - rise) ** 2.6) ** 0.5
    heart = build.heart * (1.25 if portable else 1.0)
    border = build.waist + turn * np.sign(x) + 0.05 * np.clip(1 - 6 * rise, 0, 1)
    border += left * (heart * _bump(y - dome + 0.10, 0.30) + build.knob * _bump(y - build.apex - 0.36, 0.07))
    border += (1 - left) * 0.45 * heart * _bump(y - dome + 0.14, 0.24)
    u = (across - border) / (wall - border)
    below = y - dome - 0.20 * np.where(u > 0.4, (u - 0.4) / 0.6, 0.5 * (0.4 - u)) ** 2

    soft = 0.9 * pixel + 0.008
    lung = _step(wall - across, soft) * _step(across - border, soft + 0.006) * _step(-below, soft)
    lung *= _step(y - build.apex, soft + 0.01)
    return _Thorax(x, y, left, u, v, below, wall, lung, pixel)


def _soft_tissue(rng: Generator, thorax: _Thorax, build: _Build) -> Array:
    x, y, across = thorax.x, thorax.y, np.abs(thorax.x)
    slope = np.clip((y - build.shoulder + 0.32) / 0.34, 0, 1)
    flank = build.thorax + build.girth + 0.10
    outline = 0.24 + (flank - 0.24) * slope**0.6 - 0.12 * np.clip(y - build.shoulder, 0, 0.5)
    body = _step(outline - across, 0.02)
    tissue = body * (0.46 + 0.18 * np.sqrt(np.clip(1 - np.square(x / (outline + 0.1)), 0, 1)))
    tissue -= build.air * thorax.lung * (0.85 + 0.15 * np.clip(thorax.v, 0, 1)) * (1 - 0.25 * thorax.u.clip(0, 1) ** 4)
    middle = _step(-thorax.u, 0.06) * body
    tissue += middle * (0.08 + 0.08 * _step(thorax.v - 0.5, 0.15))
    tissue += 0.14 * body * _step(thorax.below, 0.02) * _step(thorax.wall - across, 0.05)
    tissue -= 0.12 * _bump(x - 0.01, 0.035) * _step(build.apex + 0.38 - y, 0.05) * body  # trachea
    bubble_x, bubble_y, gas = rng.uniform((0.26, 0.14, 0.0), (0.36, 0.20, 0.16))
    stomach = np.square((x - bubble_x) / 0.13) + np.square((y - build.dome - bubble_y) / 0.07)
    tissue -= gas * _step(1 - stomach, 0.3)
    return tissue + 0.012 * _patchy(rng, len(x), 12) * body


def _vessels(rng: Generator, thorax: _Thorax, build: _Build) -> Array:
    """Hilum and vessels of each lung: strokes that leave the hilum and fade."""
    total = np.zeros_like(thorax.x)
    for side in (-1.0, 1.0):
        hilum = np.array([side * (build.waist + 0.07), build.apex + 0.58 - 0.03 * side])
        total += 0.10 * _bump(np.hypot((thorax.x - hilum[0]) / 0.7, thorax.y - hilum[1]), 0.10)
        angles = np.linspace(-1.35, 1.25, 9) + rng.normal(0, 0.10, 9)
        lengths, bends, strengths = rng.uniform((0.30, -0.35, 0.04), (0.55, 0.35, 0.10), (9, 3)).T
        for angle, length, bend, strength in zip(angles, lengths, bends, strengths, strict=True):
            along = (thorax.x - hilum[0]) * side * np.cos(angle) + (thorax.y - hilum[1]) * np.sin(angle)
            beside = (thorax.y - hilum[1]) * np.cos(angle) - (thorax.x - hilum[0]) * side * np.sin(angle)
            fade = np.clip(1 - along / length, 0, 1) * np.clip(along / 0.08, 0, 1)
            total += strength * fade * _bump(beside - bend * along**2, 0.016)
    return build.vessels * total * thorax.lung


def _bones(rng: Generator, thorax: _Thorax, build: _Build) -> Array:
    y, across = thorax.y, np.abs(thorax.x)
    reach = across / (thorax.wall + 0.02)
    cage = _step(1.0 - reach, 0.03) * _step(y - build.apex + 0.04, 0.03) * (1 - 0.7 * _step(thorax.below, 0.08))
    start, sag, tilt = rng.uniform((-0.05, 0.20, 0.25), (0.05, 0.28, 0.36))
    rear = y - build.apex - start + 0.03 * np.sin(np.pi * reach) - sag * reach**3
    front = y - build.apex - start - 0.06 - tilt * (1 - reach.clip(0, 1)) ** 1.2
    bones = 0.075 * _ribs(rng, rear, build, thorax.pixel) * cage * _step(across - 0.06, 0.03)
    bones += 0.045 * _ribs(rng, front, build, thorax.pixel) * cage * _step(reach - 0.45, 0.10)

    segment = 0.5 + 0.5 * np.cos(2 * np.pi * (y - start) / (0.8 * build.rib_gap))
    bones += 0.08 * _step(0.075 - across, 0.025) * (0.5 + 0.5 * segment) * _step(y - build.apex + 0.5, 0.1)
    lift, steep = rng.uniform((0.02, 0.12), (0.10, 0.26))
    collar = y - build.apex - lift - 0.02 * np.sin(7 * across) + steep * (across - 0.10)
    bones += 0.13 * _tube(collar, 0.030, thorax.pixel) * _step(across - 0.08, 0.02) * _step(0.66 - across, 0.03)
    blade = _step(across - 0.60 - 0.10 * (y - build.apex), 0.03) * _step(0.82 - across + 0.1 * y, 0.04)
    bones += 0.06 * blade * _step(0.05 - y, 0.10) * _step(y - build.apex - 0.10, 0.05)
    return build.bone * bones


def _tube(distance: Array, radius: float, pixel: float) -> Array:
    """Projection of a hollow bone: brighter at its two edges."""
    near = np.abs(distance) / max(radius, 0.9 * pixel)
    return np.exp(-(near**4)) * (0.75 + 0.35 * near.clip(0, 1) ** 2)


def _ribs(rng: Generator, height: Array, build: _Build, pixel: float) -> Array:
    """All ribs of one kind at once, each with its own contrast; ``height`` counts from the first one."""
    number = np.rint(height / build.rib_gap).astype(int).clip(0, 11)
    return rng.uniform(0.8, 1.2, 12)[number] * _tube(height - number * build.rib_gap, build.rib_width, pixel)


def _centre(
    rng: Generator, thorax: _Thorax, low: tuple[float, float], high: tuple[float, float]
) -> tuple[float, float]:
    """x and y of a point of either lung, drawn in the coordinates of the lung (across, down)."""
    left, (u, v) = float(rng.integers(2)), rng.uniform(low, high)
    miss = np.square(thorax.u - u) + np.square(thorax.v - v) + 1e3 * (thorax.left != left)
    nearest = np.unravel_index(np.argmin(miss), miss.shape)
    return float(thorax.x[nearest]), float(thorax.y[nearest])


def _nodule(rng: Generator, thorax: _Thorax) -> tuple[Array, float]:
    """One to three lobed blobs."""
    shape = np.zeros_like(thorax.x)
    for _ in range(rng.integers(1, 4)):
        x, y = _centre(rng, thorax, (0.25, 0.25), (0.75, 0.85))
        radius, lobes, phase = rng.uniform((0.050, 0.05, 0.0), (0.10, 0.20, 2 * np.pi))
        dx, dy = thorax.x - x, thorax.y - y
        outline = radius * (1 + lobes * np.cos(2 * np.arctan2(dy, dx) + phase))
        shape = np.maximum(shape, _step(outline - np.hypot(dx, dy), 0.35 * radius + 0.3 * thorax.pixel))
    return shape * thorax.lung, float(rng.uniform(0.13, 0.30))


def _consolidation(rng: Generator, thorax: _Thorax) -> tuple[Array, float]:
    """A window on one lung, broken up by a random field."""
    x, y = _centre(rng, thorax, (0.3, 0.3), (0.7, 0.85))
    wide, high = rng.uniform((0.14, 0.16), (0.24, 0.34))
    window = 1.1 - np.hypot((thorax.x - x) / wide, (thorax.y - y) / high)
    patches = 0.35 * _patchy(rng, len(thorax.x), 14)
    same_lung = thorax.left == float(x > 0)
    return _step(window + patches, 0.45) * thorax.lung * same_lung, float(rng.uniform(0.16, 0.36))


def _effusion(rng: Generator, thorax: _Thorax) -> tuple[Array, float]:
    """Fluid in a costophrenic angle, its surface rising towards the chest wall."""
    left, level, rise = float(rng.integers(2)), *rng.uniform((0.72, 0.22), (1.00, 0.42))
    surface = level - rise * (thorax.u.clip(0, 1) ** 3 - 0.3)
    fluid = _step(thorax.v - surface, 0.05) * thorax.lung * (thorax.left == left)
    return fluid, float(rng.uniform(0.28, 0.44))


_PAINTERS = {"nodule": _nodule, "consolidation": _consolidation, "effusion": _effusion}


def _expose(rng: Generator, attenuation: Array) -> NDArray[np.float32]:
    """Blur, gamma, target mean and standard deviation, grain: one distribution for all images."""
    size = len(attenuation)
    image = _blur(attenuation, size * rng.uniform(0.004, 0.009))
    image = (image - image.min()) / (image.max() - image.min())
    image **= np.exp(rng.uniform(-0.3, 0.3))
    mean, std, grain = rng.uniform((0.42, 0.17, 0.006), (0.58, 0.24, 0.030))
    image = mean + std * (image - image.mean()) / image.std()
    image += grain * rng.standard_normal((size, size))
    return image.clip(0, 1).astype(np.float32)

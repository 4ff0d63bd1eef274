"""Families of synthetic anomalies: normal images changed in ways that a detector should notice."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

import numpy as np
import torch
from monai.transforms import RandGridDistortion, Randomizable
from monai.utils import convert_to_tensor

from imgae_monai.transforms.rand_coarse_noise import RandCoarseNoise
from imgae_monai.transforms.rand_cut_paste import RandCutPaste
from imgae_monai.transforms.rand_foreign_weight import RandForeignWeight
from imgae_monai.transforms.rand_lesion import RandLesion
from imgae_monai.transforms.rand_mask_patches import RandMaskPatches


@dataclasses.dataclass(frozen=True)
class CorruptionFamily:
    """One way to change a normal image, the same way for the same image, draw and seed.

    Args:
        name: of the family.
        make: gives a new random array transform; what it draws comes from its ``set_random_state`` alone.
        corruption: name in the bundles' id ``corruptions`` by which a network is trained to undo it; "" for none.
        foreign: whether that gives the weight of another image, and not the changed one.
    """

    name: str
    make: Callable[[], Randomizable]
    corruption: str = ""
    foreign: bool = False

    def __call__(
        self, image: torch.Tensor, reference: str, draw: int = 0, seed: int = 0, other: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Change an image.

        Args:
            image: shape (C, H, W[, D]), float32, values in [0, 1]; it stays as it is.
            reference: what the image is known by (its path or hash), so that no place in a list decides.
            draw: number of the draw.
            seed: of all draws.
            other: another normal image of this shape, which ``foreign`` takes.

        Returns:
            the same shape, values in [0, 1].

        Raises:
            ValueError: when ``other`` is needed and not given.
        """
        digest = hashlib.sha256(f"{seed}/{self.name}/{draw}/{reference}".encode()).digest()
        transform = self.make().set_random_state(int.from_bytes(digest[:4], "big"))
        out = convert_to_tensor(transform(image), track_meta=False)  # type: ignore[operator]
        if self.foreign:
            if other is None:
                raise ValueError(f"the family {self.name!r} takes another image, got None")
            out = torch.lerp(image, other, out)
        return out.clamp(0, 1)


def corruption_families() -> dict[str, CorruptionFamily]:
    """The suite, by name: six that resemble disease, and four that are used to train networks that restore.

    Sizes are shares of the image (but for the cells of masked patches, in pixels as in their source), so that an
    anomaly looks the same at any resolution. The figures were chosen by looking at normal chest X-rays (subtle to
    moderate), and by no detector's result.

    ``opacity`` (consolidation, mass), ``haze`` (oedema, ground glass: large and faint, vessels blurred), ``nodules``
    (up to three, of 2 to 5 % of the image in radius), ``texture_loss`` (blur alone, no brightness),
    ``dark_region`` (free air, bulla: dark and without vessels), ``distortion`` (parts stretched and shrunk, as by an
    enlarged heart; MONAI's ``RandGridDistortion``); then ``coarse_noise`` and ``masked_patches``, both weaker than in
    their sources (which any score would see), ``cut_paste`` and ``foreign_patch``.
    """
    lesions = {
        "opacity": lambda: RandLesion((0.08, 0.2), (0.1, 0.3), (0.3, 0.8)),
        "haze": lambda: RandLesion((0.2, 0.4), (0.05, 0.2), (0.5, 1.0), (1, 2), softness=0.8),
        "nodules": lambda: RandLesion((0.02, 0.05), (0.2, 0.45), (0.0, 0.5), (1, 3), aspect=1.3),
        "texture_loss": lambda: RandLesion((0.15, 0.3), (0.0, 0.0), (0.7, 1.0)),
        "dark_region": lambda: RandLesion((0.1, 0.25), (-0.4, -0.15), (0.5, 1.0)),
    }
    families = [
        *(CorruptionFamily(name, make, "lesion") for name, make in lesions.items()),
        CorruptionFamily("distortion", lambda: RandGridDistortion(4, 1.0, (-0.25, 0.25), padding_mode="border")),
        CorruptionFamily("coarse_noise", lambda: RandCoarseNoise(std=0.08, seamless=True, clip=True), "coarse_noise"),
        CorruptionFamily("cut_paste", RandCutPaste, "cut_paste"),
        CorruptionFamily("foreign_patch", RandForeignWeight, "foreign_patch", foreign=True),
        CorruptionFamily("masked_patches", lambda: RandMaskPatches(fraction=0.05, fill="mean"), "masked_patches"),
    ]
    return {family.name: family for family in families}


def changed_pixels(image: torch.Tensor, corrupted: torch.Tensor, least: float = 0.02) -> np.ndarray:
    """Where an image was changed by at least ``least`` in any channel, as bool (H, W[, D])."""
    changed: np.ndarray = ((corrupted - image).abs() >= least).any(dim=0).numpy()
    return changed

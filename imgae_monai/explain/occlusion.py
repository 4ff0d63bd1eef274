"""How an image's score changes when a patch of it looks as the network expects."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.data.utils import dense_patch_slices
from monai.utils import ensure_tuple_rep

from imgae_monai.explain.score_network import ScoreNetwork


def occlusion_attribution(
    model: ScoreNetwork,
    image: torch.Tensor,
    patch_size: int | Sequence[int] | None = None,
    overlap: float = 0.5,
    batch_size: int = 16,
) -> torch.Tensor:
    """Fall of the score when a patch is replaced by its reconstruction, averaged over the patches that hold a pixel.

    Occlusion (Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 4.2). A grey or
    blurred patch, as for classifiers, is itself something that an autoencoder can't reconstruct, and raises the score
    wherever it lies. The reconstruction is what the network expects there (filling in, as Chang et al. 2019,
    "Explaining image classifiers by counterfactual generation", do with a generative model). It differs from place to
    place, which :py:class:`monai.visualize.OcclusionSensitivity` can't take: hence not that class (and in MONAI 1.6.1
    its ``mode`` as a function raises).

    Args:
        model: in eval mode.
        image: shape (1, C, H, W[, D]).
        patch_size: side in pixels, one for all axes or one an axis. By default an eighth of each axis in 2-D, a quarter
            in 3-D, where patches are many.
        overlap: of neighbouring patches, in [0, 1).
        batch_size: patches a forward pass.

    Returns:
        shape (1, 1, H, W[, D]), float64, in units of the score. Positive: the patch makes the image more abnormal;
        negative: without it the image would be more abnormal.

    Raises:
        ValueError: when a patch is larger than the image, or ``overlap`` is out of range.
    """
    shape = tuple(image.shape[2:])
    sides = _sides(shape, patch_size)
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap must be in [0, 1), got {overlap}")
    patches = dense_patch_slices(shape, sides, [max(1, int(side * (1 - overlap))) for side in sides])
    total = torch.zeros(shape, dtype=torch.float64, device=image.device)
    count = torch.zeros_like(total)
    with torch.no_grad():
        filling, score = model.reconstruct(image)[0], model(image)[0, 0]
        for start in range(0, len(patches), batch_size):
            chunk = patches[start : start + batch_size]
            occluded = image.repeat(len(chunk), *[1] * (image.ndim - 1))
            for copy, patch in zip(occluded, chunk, strict=True):
                place = (slice(None), *patch)
                copy[place] = filling[place]
            for patch, fall in zip(chunk, score - model(occluded)[:, 0], strict=True):
                total[patch] += fall
                count[patch] += 1
    return (total / count)[None, None]


def _sides(shape: tuple[int, ...], patch_size: int | Sequence[int] | None) -> tuple[int, ...]:
    if patch_size is None:
        return tuple(max(1, size // (8 if len(shape) == 2 else 4)) for size in shape)
    sides = ensure_tuple_rep(patch_size, len(shape))
    if any(not 1 <= side <= size for side, size in zip(sides, shape, strict=True)):
        raise ValueError(f"patch_size must lie in 1 to the image's {shape}, got {sides}")
    return sides

"""How an image's score changes with its grey values."""

from __future__ import annotations

import torch
from monai.visualize import SmoothGrad

from imgae_monai.explain.score_network import ScoreNetwork


def gradient_attribution(
    model: ScoreNetwork, image: torch.Tensor, seed: int = 0, n_samples: int = 25, noise: float = 0.15
) -> torch.Tensor:
    """Derivative of the score by each pixel, averaged over noisy copies of the image.

    SmoothGrad (Smilkov et al. 2017, "SmoothGrad: removing noise by adding noise", eq. 1) as MONAI computes it, with
    the sign kept. Without noise the gradient of an L1 residual says next to nothing: it is the residual's sign at every
    pixel, as high at one that is hardly off as at one that is far off. The noise makes it grow with the residual.

    Args:
        model: in eval mode.
        image: shape (1, C, H, W[, D]).
        seed: of the noise; the global random state is left as it was on the CPU and on CUDA.
        n_samples: number of noisy copies, each a forward and a backward pass.
        noise: standard deviation of the noise, as a share of the image's range of grey values (there 0.1 to 0.2); 0 for
            the plain gradient (one copy is then enough).

    Returns:
        shape (1, 1, H, W[, D]), score per grey value, summed over channels. Positive: darker would be less abnormal;
        negative: brighter would.
    """
    devices = [image.device] if image.device.type == "cuda" else []
    smooth = SmoothGrad(model, stdev_spread=noise, n_samples=n_samples, magnitude=False, verbose=False)
    with torch.random.fork_rng(devices), torch.enable_grad():
        torch.manual_seed(seed)
        gradient = smooth(image.detach(), index=0, retain_graph=False)
    return gradient.sum(dim=1, keepdim=True)

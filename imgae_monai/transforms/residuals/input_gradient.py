"""How the error of a reconstruction changes with the image."""

from __future__ import annotations

import torch
from torch import nn

from imgae_monai.transforms.residuals.of_network import in_eval_mode, wants_gradient


def input_gradient(network: nn.Module, x: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
    """``|d/dx sum (x - f(x))^2|``, the magnitude of the reconstruction error's derivative by each pixel.

    Where a little change of the image makes it easier to reconstruct, the network expects something else. Source:
    Zimmerer et al. 2019, "Unsupervised anomaly localization using variational auto-encoders" (there of the VAE's loss);
    of the plain error, as AE-Grad, in Cai et al. 2025, "MedIAnomaly". The sum, and not the mean, over pixels makes it
    the same at every image size.

    Args:
        network: gives reconstructions, shape (B, C, H, W[, D]); it runs in eval mode, once more than for the
            reconstruction that is there already, whatever mode or ``no_grad`` this is called in.
        x: images, shape (B, C, H, W[, D]), float32, values in [0, 1].
        y: not needed.

    Returns:
        shape (B, 1, H, W[, D]), the mean over channels. It has a graph only where ``x`` asks for a gradient.
    """
    again = wants_gradient(x)
    with torch.inference_mode(False), in_eval_mode(network, gradient=True):
        image = x if again else x.detach().clone().requires_grad_()
        error = (image - network(image)[:, : image.shape[1]]).square().sum()  # without a variance behind it
        (gradient,) = torch.autograd.grad(error, image, create_graph=again)
    return gradient.abs().mean(dim=1, keepdim=True)

"""What encoder and decoder of a soft introspective variational autoencoder each minimise.

Daniel and Tamar, "Soft-IntroVAE: Analyzing and Improving the Introspective Variational Autoencoder" (CVPR 2021), and
Bercea et al. 2023 (MIDL), who added the embedding term and whose weights are the defaults. For an image x the
reconstruction is x^ = D(z), z ~ E(x); a generated image is x^ or x_f = D(z_f), z_f ~ N(0, I). ``rec`` is the summed
squared error of an image, ``KL`` the divergence of its latent distribution from the standard normal one.

The authors' weights are for images of 128 pixels. ``s rec`` is a mean over pixels at any width H, while ``s KL`` goes
with ``1 / H**2``: at 64 pixels a divergence weighs four times as much beside an error, unless the weights are changed.
"""

from __future__ import annotations

import torch
from monai.utils import LossReduction
from torch.nn.modules.loss import _Loss


class IntrospectiveEncoderLoss(_Loss):
    """The encoder's loss: reconstruct images, and give generated ones a low evidence.

    ``s [b_rec rec(x, x^) + b_kl KL(E(x))] + 1/4 sum_{u in {x^, x_f}} exp(-2 s [b_rec rec(u, D(E(u))) + b_neg KL(E(u))])
    + w L_emb``, every term a mean over the images.

    Args:
        scale: s, one over the number of pixels of an image: ``1 / H**2``.
        beta_rec: weight of the reconstruction errors.
        beta_kl: weight of the images' divergence.
        beta_neg: weight of the generated images' divergence.
        embedding_weight: w, of the reversed embedding loss.

    Raises:
        ValueError: when the scale is not above 0, or a weight is negative.

    Example:
        >>> loss = IntrospectiveEncoderLoss(scale=0.5)
        >>> zero = torch.zeros(2)
        >>> loss(torch.full((2,), 4.0), torch.full((2,), 3.0), zero, zero, zero[0]).item()  # 0.5 (2 + 3) + 0.5
        3.0
    """

    def __init__(
        self,
        scale: float,
        beta_rec: float = 0.5,
        beta_kl: float = 1.0,
        beta_neg: float = 128.0,
        embedding_weight: float = 0.005,
    ) -> None:
        super().__init__(reduction=LossReduction.MEAN.value)
        _check(scale, beta_rec=beta_rec, beta_kl=beta_kl, beta_neg=beta_neg, embedding_weight=embedding_weight)
        self.scale = scale
        self.beta_rec = beta_rec
        self.beta_kl = beta_kl
        self.beta_neg = beta_neg
        self.embedding_weight = embedding_weight

    def forward(
        self,
        rec: torch.Tensor,
        kl: torch.Tensor,
        generated_rec: torch.Tensor,
        generated_kl: torch.Tensor,
        embedding: torch.Tensor,
    ) -> torch.Tensor:
        """
        Args:
            rec: of the images, shape (B,).
            kl: of the images, shape (B,).
            generated_rec: of the reconstructions and of the samples together, shape (2 B,).
            generated_kl: of the same, shape (2 B,).
            embedding: the reversed embedding loss, a scalar.
        """
        evidence = self.scale * (self.beta_rec * rec.mean() + self.beta_kl * kl.mean())
        generated = -2 * self.scale * (self.beta_rec * generated_rec + self.beta_neg * generated_kl)
        # the mean over both kinds is half the sum of their means, and 1/2 of it 1/4 of their sum
        return evidence + 0.5 * generated.exp().mean() + self.embedding_weight * embedding


class IntrospectiveDecoderLoss(_Loss):
    """The decoder's loss: reconstruct images, and generate such as the encoder takes for images.

    ``s [b_rec rec(x, D(z)) + 1/2 b_kl (KL(E(x^)) + KL(E(x_f))) + 1/2 gamma b_rec (rec(x^, D(z_x^)) + rec(x_f,
    D(z_f)))]``, every term a mean over the images. In the last term x^, x_f and the latent features are detached.

    Args:
        scale: s, one over the number of pixels of an image: ``1 / H**2``.
        beta_rec: weight of the reconstruction errors.
        beta_kl: weight of the generated images' divergence.
        gamma: weight of the generated images' reconstruction, beside ``beta_rec``.

    Raises:
        ValueError: when the scale is not above 0, or a weight is negative.

    Example:
        >>> loss = IntrospectiveDecoderLoss(scale=0.5, gamma=1.0)
        >>> loss(torch.full((2,), 4.0), torch.full((4,), 2.0), torch.full((4,), 6.0)).item()  # 0.5 (2 + 2 + 3)
        3.5
    """

    def __init__(self, scale: float, beta_rec: float = 0.5, beta_kl: float = 1.0, gamma: float = 1e-8) -> None:
        super().__init__(reduction=LossReduction.MEAN.value)
        _check(scale, beta_rec=beta_rec, beta_kl=beta_kl, gamma=gamma)
        self.scale = scale
        self.beta_rec = beta_rec
        self.beta_kl = beta_kl
        self.gamma = gamma

    def forward(self, rec: torch.Tensor, generated_kl: torch.Tensor, generated_rec: torch.Tensor) -> torch.Tensor:
        """
        Args:
            rec: of the images, shape (B,).
            generated_kl: of the reconstructions and of the samples together, shape (2 B,).
            generated_rec: of the same, shape (2 B,).
        """
        reconstruction = self.beta_rec * (rec.mean() + self.gamma * generated_rec.mean())
        return self.scale * (reconstruction + self.beta_kl * generated_kl.mean())


def _check(scale: float, **weights: float) -> None:
    if not scale > 0:
        raise ValueError(f"scale must be above 0, got {scale}: it is one over the number of pixels of an image")
    for name, weight in weights.items():
        if not weight >= 0:
            raise ValueError(f"{name} must not be negative, got {weight}")

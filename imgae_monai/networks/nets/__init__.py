from __future__ import annotations

from .reversed_autoencoder import ReversedAutoencoder
from .unet_autoencoder import UNetAutoencoder

__all__ = ["ReversedAutoencoder", "UNetAutoencoder"]

from __future__ import annotations

from .introspective_autoencoder import IntrospectiveAutoencoder
from .reversed_autoencoder import ReversedAutoencoder
from .unet_autoencoder import UNetAutoencoder

__all__ = ["IntrospectiveAutoencoder", "ReversedAutoencoder", "UNetAutoencoder"]

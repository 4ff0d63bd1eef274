"""Choose preset and score on normal images and synthetic anomalies of them: no label and no test image is used."""

from .families import CorruptionFamily, changed_pixels, corruption_families

__all__ = ["CorruptionFamily", "changed_pixels", "corruption_families"]

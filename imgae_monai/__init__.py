"""Unsupervised anomaly detection in medical images, as a MONAI plugin.

Nothing is imported here but the version: ``imgae-monai --help`` has to answer at once, and a bundle names the
subpackage that it needs (``imgae_monai.networks.nets``, ``imgae_monai.transforms``, ...).
"""

__version__ = "0.1.0"

"""Check a bundle, or a run's folder, for what the MONAI Model Zoo and MONAI's own tools ask of one."""

from .large_files import LargeFile, read_large_files, write_large_files
from .verification import CHECKS, verify_bundle

__all__ = ["CHECKS", "LargeFile", "read_large_files", "verify_bundle", "write_large_files"]

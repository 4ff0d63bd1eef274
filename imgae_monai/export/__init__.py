"""A trained run as one file that needs neither this package nor its config: image in, score and map out."""

from .clahe import BatchedCLAHE
from .score_model import ScoreModel

__all__ = ["BatchedCLAHE", "ScoreModel"]

"""A run as others use it: a workflow of MONAI's in Python, and the zip that is handed on."""

from .inference_workflow import AnomalyInferenceWorkflow
from .pack import pack_bundle
from .trained_on_synthetic import trained_on_synthetic

__all__ = ["AnomalyInferenceWorkflow", "pack_bundle", "trained_on_synthetic"]

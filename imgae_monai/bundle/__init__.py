"""A run as a workflow of MONAI's in Python."""

from .inference_workflow import AnomalyInferenceWorkflow

__all__ = ["AnomalyInferenceWorkflow"]

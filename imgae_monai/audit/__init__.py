"""Check a data set before anyone trains on it: faulty files, copies, leaks, label conflicts, shortcuts."""

from .against_no_model import compare_with_no_model
from .audit import Audit, audit_source
from .duplicates import Copies, find_copies
from .finding import Finding, Group
from .fix_list import removed_images, write_fix_list
from .measurement import Measurement, measure_image
from .near_duplicates import near_duplicates
from .page import render_page
from .scan import scan_images
from .shortcuts import Shortcut, measure_shortcuts, no_model_scores
from .split_scores import score_split
from .table import format_audit

__all__ = [
    "Audit",
    "Copies",
    "Finding",
    "Group",
    "Measurement",
    "Shortcut",
    "audit_source",
    "compare_with_no_model",
    "find_copies",
    "format_audit",
    "measure_image",
    "measure_shortcuts",
    "near_duplicates",
    "no_model_scores",
    "removed_images",
    "render_page",
    "scan_images",
    "score_split",
    "write_fix_list",
]

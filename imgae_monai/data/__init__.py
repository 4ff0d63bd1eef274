"""From where images live to a checked data list."""

from .atomic_write import atomic_write
from .cache_plan import CachePlan, plan_cache
from .compact_cache import CompactCacheDataset
from .datalist import Datalist, load_datalist
from .datalist_file import read_datalist_file, write_datalist_file
from .encoded_image import EncodedImage
from .filters import filter_items
from .fingerprint import add_hashes, datalist_fingerprint, file_sha256
from .folder import read_folder_tree
from .hub_uri import parse_hub_uri
from .huggingface import read_huggingface
from .image_list import read_image_list
from .image_reader import read_image
from .image_reference import reference_name, split_reference
from .images import image_items, is_synthetic, list_images, split_readable
from .kaggle import kaggle_folder
from .labelled_validation import labelled_validation
from .medmnist import read_medmnist
from .memory import MemoryBudget, available_memory, memory_limit, process_memory, resolve_budget
from .memory_aware import cached_bytes, lower_cache, memory_aware_dataset
from .nih import read_nih
from .part_plan import PartPlan
from .persistent_cache import DiskCacheDataset
from .process_share import process_share
from .regions import boxes_in_pixels, read_mask, truth_mask, truth_masks
from .scoring_transform import ScoringTransform
from .seen_images import refuse_seen
from .skipped_images import SkippedImages
from .smart_cache import MovingCacheDataset
from .sources import Source, read_source
from .splits import check_disjoint, check_labels, split_validation
from .streaming import StreamedDataset
from .synthetic import synthetic_folder, write_synthetic_dataset
from .tensor_arena import TensorArena
from .unreadable import SkippedImage, SkippingCompose, collate_readable, left_out
from .volumes import expand_volumes

__all__ = [
    "CachePlan",
    "CompactCacheDataset",
    "Datalist",
    "DiskCacheDataset",
    "EncodedImage",
    "MemoryBudget",
    "MovingCacheDataset",
    "PartPlan",
    "ScoringTransform",
    "SkippedImage",
    "SkippedImages",
    "SkippingCompose",
    "Source",
    "StreamedDataset",
    "TensorArena",
    "add_hashes",
    "atomic_write",
    "available_memory",
    "boxes_in_pixels",
    "cached_bytes",
    "check_disjoint",
    "check_labels",
    "collate_readable",
    "datalist_fingerprint",
    "expand_volumes",
    "file_sha256",
    "filter_items",
    "image_items",
    "is_synthetic",
    "kaggle_folder",
    "labelled_validation",
    "left_out",
    "list_images",
    "load_datalist",
    "lower_cache",
    "memory_aware_dataset",
    "memory_limit",
    "parse_hub_uri",
    "plan_cache",
    "process_memory",
    "process_share",
    "read_datalist_file",
    "read_folder_tree",
    "read_huggingface",
    "read_image",
    "read_image_list",
    "read_mask",
    "read_medmnist",
    "read_nih",
    "read_source",
    "reference_name",
    "refuse_seen",
    "resolve_budget",
    "split_readable",
    "split_reference",
    "split_validation",
    "synthetic_folder",
    "truth_mask",
    "truth_masks",
    "write_datalist_file",
    "write_synthetic_dataset",
]

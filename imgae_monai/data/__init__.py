"""From where images live to a checked data list."""

from .datalist import Datalist, load_datalist, refuse_seen
from .datalist_file import read_datalist_file, write_datalist_file
from .fingerprint import add_hashes, datalist_fingerprint, file_sha256
from .folder import read_folder_tree
from .image_reader import read_image
from .image_reference import reference_name, split_reference
from .images import is_synthetic, list_images, split_readable
from .nih import read_nih
from .sources import Source, read_source
from .splits import check_disjoint, split_validation
from .synthetic import synthetic_folder, write_synthetic_dataset

__all__ = [
    "Datalist",
    "Source",
    "add_hashes",
    "check_disjoint",
    "datalist_fingerprint",
    "file_sha256",
    "is_synthetic",
    "list_images",
    "load_datalist",
    "read_datalist_file",
    "read_folder_tree",
    "read_image",
    "read_nih",
    "read_source",
    "reference_name",
    "refuse_seen",
    "split_readable",
    "split_reference",
    "split_validation",
    "synthetic_folder",
    "write_datalist_file",
    "write_synthetic_dataset",
]

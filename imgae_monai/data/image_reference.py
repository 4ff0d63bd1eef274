"""Name one image inside a file that holds many: ``volume.nii.gz#2/40``, ``train.npy#17``, ``part.arrow#8/image``.

A data list keeps one string an image, so that it stays plain JSON. A picture file's string is its path; where the file
is a container, the part behind the ``#`` says which of its images is meant.
"""

from __future__ import annotations

from pathlib import Path

from monai.config import PathLike

CONTAINER_SUFFIXES = (".nii", ".nii.gz", ".npy", ".arrow", ".parquet")


def split_reference(image: PathLike) -> tuple[Path, str]:
    """Path of the file and what names the image inside it, ``""`` for the whole file.

    A ``#`` counts only behind a container's suffix: ``odd#name.png`` is one file.

    Example:
        >>> split_reference("scans/a.nii.gz#2/40")
        (PosixPath('scans/a.nii.gz'), '2/40')
        >>> split_reference("scans/odd#1.png")
        (PosixPath('scans/odd#1.png'), '')
    """
    path, mark, fragment = str(image).rpartition("#")
    if mark and path.lower().endswith(CONTAINER_SUFFIXES):
        return Path(path), fragment
    return Path(image), ""


def reference_name(image: PathLike) -> str:
    """A name for files that are made from an image: the file's own without its suffix, and the place inside it.

    Example:
        >>> reference_name("scans/a.nii.gz#2/40"), reference_name("b.png")
        ('a_2_40', 'b')
    """
    path, fragment = split_reference(image)
    name = path.name
    own = "" if path.suffix[1:].isdecimal() else path.suffix  # digits end a UID, the name of a DICOM without suffix
    for suffix in (*CONTAINER_SUFFIXES[::-1], own):
        if suffix and name.lower().endswith(suffix.lower()) and name.lower() != suffix.lower():
            name = name[: -len(suffix)]
            break
    return name + ("_" + fragment.replace("/", "_") if fragment else "")

"""Read a NIfTI volume, or a slice of it, as grey values in [0, 1], laid out the same way however it was stored.

Voxels may be stored in any order and direction; the header's affine says which. Here they are first brought to the
nearest canonical order (nibabel's RAS: first axis to the patient's right, second to the front, third upwards), then
laid out as radiologists look at them: the patient's right on the left, the front or the head at the top.

========  ========  ===============================  ==========================  =====================
``axis``  plane     index 0                          rows, from the top          columns, from the left
========  ========  ===============================  ==========================  =====================
0         sagittal  the patient's left side          head to feet                front to back
1         coronal   the back                         head to feet                right to left
2         axial     the feet's end                   front to back               right to left
========  ========  ===============================  ==========================  =====================

Voxel sizes are not evened out: a slice of unequal voxels looks stretched. A file without an orientation is taken in
nibabel's default (x to the left).
"""

from __future__ import annotations

import functools
import gzip
import os
import re
import threading
from pathlib import Path
from typing import IO, Any

import numpy as np

from imgae_monai.data.windows import percentile_range, scale_to_unit
from imgae_monai.exceptions import InputError

NIFTI_SUFFIXES = (".nii", ".nii.gz")
AXES = ("sagittal", "coronal", "axial")
MAX_VOXELS = 1 << 29  # 2 GiB as float32
_HEADER_SIZES = {348: "Nifti1Image", 540: "Nifti2Image"}
_MAX_DEFLATE_RATIO = 1032  # no deflate stream expands more
_MAX_TRAILING = 1 << 26
_PLACE = re.compile(r"([012])/(0|[1-9][0-9]{0,9})")
_LOCKS: dict[int, threading.Lock] = {}  # by process: a child that was forked must not inherit a lock that is held


def is_nifti(path: Path) -> bool:
    """Whether a file is a NIfTI by its suffix."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def read_nifti(path: Path, fragment: str = "", window: str = "auto") -> np.ndarray:
    """Read a volume or one slice of it; values are scaled over the whole volume, so that its slices are consistent.

    The last volume of which a slice was read stays in memory, since a compressed one must be decompressed whole for
    each slice. Threads that want slices of it wait for one of them to decode it.

    Args:
        path: ``.nii`` or ``.nii.gz`` file.
        fragment: ``axis/index`` in the canonical order, see the module's table; ``""`` for the whole file.
        window: ``"auto"`` and ``"percentile"`` take the volume's 0.5 % and 99.5 % percentiles, ``"full"`` its smallest
            and largest value.

    Returns:
        float32, values in [0, 1]: (H, W) for a slice, and for a volume that is one slice thick; else (H, W, D), whose
        ``[..., k]`` is the axial slice ``2/k``.

    Raises:
        InputError: when there is no such slice, several volumes, voxels that are not finite or not grey, or a header
            that can't be true. What nibabel raises over a damaged file passes through.
    """
    shape = nifti_shape(path)
    full = window == "full"
    if not fragment:
        axis, volume = _thin_axis(shape), _decode(path, full)
        return np.array(_upright(volume if axis is None else np.take(volume, 0, axis=axis)), order="C")
    axis, index = slice_place(path, fragment)
    if index >= shape[axis]:
        raise InputError(f"cannot read {path}#{fragment}: expected axis/index in the canonical shape {shape}, as #2/0")
    stat = path.stat()
    with _LOCKS.setdefault(os.getpid(), threading.Lock()):
        volume = _volume(path, stat.st_mtime_ns, stat.st_size, full)
    return np.array(_upright(np.take(volume, index, axis=axis)), order="C")


def slice_place(path: Path, fragment: str) -> tuple[int, int]:
    """Axis and index that a reference names.

    Raises:
        InputError: for any other spelling (``2/03``), under which one slice would pass for two images.
    """
    found = _PLACE.fullmatch(fragment)
    if found is None:
        raise InputError(f"cannot read {path}#{fragment}: expected axis/index without leading zeros, as #2/0")
    return int(found[1]), int(found[2])


def _upright(canonical: np.ndarray) -> np.ndarray:
    """Of the first two axes, the second becomes the rows, and both run backwards."""
    return np.flip(np.swapaxes(canonical, 0, 1), (0, 1))


def canonical_map(anomaly_map: np.ndarray) -> np.ndarray:
    """A volume laid out by :py:func:`read_nifti`, (H, W, D), back in the order of :py:func:`canonical_affine`."""
    return _upright(anomaly_map)


def canonical_volume(anomaly_map: np.ndarray, path: Path) -> np.ndarray:
    """The same of a map of a whole file, three axes also where the volume is one slice thick and the map (H, W).

    Raises:
        InputError: as :py:func:`nifti_shape`.
    """
    axis = _thin_axis(nifti_shape(path))
    canonical = canonical_map(anomaly_map)
    return canonical if axis is None or canonical.ndim == 3 else np.expand_dims(canonical, axis)


def canonical_affine(path: Path) -> np.ndarray:
    """Affine of the volume in the nearest canonical order, 4 x 4, in mm.

    Raises:
        InputError: as :py:func:`nifti_shape`.
    """
    import nibabel as nib

    header = _checked_header(path)
    affine = header.get_best_affine()
    orientation = nib.io_orientation(affine)
    return np.asarray(affine @ nib.orientations.inv_ornt_aff(orientation, _spatial_shape(path, header)))


def nifti_shape(path: Path) -> tuple[int, int, int]:
    """Size in voxels in the canonical order (left to right, back to front, upwards), from the header alone.

    Raises:
        InputError: when the file can't be read, is no NIfTI, or holds several volumes.
    """
    import nibabel as nib

    header = _checked_header(path)
    shape = _spatial_shape(path, header)
    axes = nib.io_orientation(header.get_best_affine())[:, 0]
    if not np.isfinite(axes).all():
        raise InputError(f"cannot read {path}: its affine has no direction for every axis; mend the header")
    canonical = [0, 0, 0]
    for length, axis in zip(shape, axes, strict=True):
        canonical[int(axis)] = length
    return canonical[0], canonical[1], canonical[2]


def _spatial_shape(path: Path, header: Any) -> tuple[int, int, int]:
    full = tuple(int(length) for length in header.get_data_shape())
    if min(full, default=0) < 1 or len(full) < 2 or int(np.prod(full, dtype=object)) > MAX_VOXELS:
        raise InputError(f"cannot read {path}: shape {full}, expected 1 to {MAX_VOXELS} voxels of 2 or 3 axes")
    if any(length > 1 for length in full[3:]):
        raise InputError(
            f"cannot read {path}: shape {full} holds {int(np.prod(full[3:]))} volumes, expected one; split it, as with "
            "nibabel.funcs.four_to_three"
        )
    x, y, z = (*full, 1)[:3]
    return x, y, z


def _checked_header(path: Path) -> Any:
    try:
        with _open(path) as f:
            return _read_header(path, f.read(540))
    except InputError:
        raise
    except Exception as e:  # gzip, zlib and nibabel raise many things over a damaged header
        raise InputError(f"cannot read {path}: its NIfTI header is damaged ({type(e).__name__}: {e})") from e


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path) if path.name.lower().endswith(".gz") else open(path, "rb")  # type: ignore[return-value]


def _image_class(path: Path, head: bytes) -> Any:
    import nibabel as nib

    for order in ("little", "big"):
        name = _HEADER_SIZES.get(int.from_bytes(head[:4], order))
        if name is not None:
            return getattr(nib, name)
    raise InputError(f"cannot read {path}: it is no NIfTI file")


def _read_header(path: Path, head: bytes) -> Any:
    header_class = _image_class(path, head).header_class
    header = header_class(head[: header_class.template_dtype.itemsize])
    kind = header.get_data_dtype()
    if kind.kind not in "iuf":
        raise InputError(f"cannot read {path}: voxels of type {kind}, expected one grey number each")
    return header


def _thin_axis(shape: tuple[int, int, int]) -> int | None:
    return shape.index(1) if shape.count(1) == 1 else None


@functools.lru_cache(maxsize=1)
def _volume(path: Path, mtime_ns: int, size: int, full: bool) -> np.ndarray:
    """The whole volume; kept until another is asked for or the file changes."""
    return _decode(path, full)


def _decode(path: Path, full: bool) -> np.ndarray:
    """The whole volume in canonical order, in [0, 1]."""
    import nibabel as nib

    raw = _read_bytes(path)
    image = _image_class(path, raw[:4]).from_bytes(raw)
    voxels = image.get_fdata(dtype=np.float32, caching="unchanged")
    n_wrong = voxels.size - int(np.isfinite(voxels).sum())
    if n_wrong:
        raise InputError(
            f"cannot read {path}: {n_wrong} voxels are NaN or infinite; set them to the background's value"
        )
    voxels = voxels.reshape((*voxels.shape, 1)[:3])
    voxels = nib.apply_orientation(voxels, nib.io_orientation(image.affine))
    ends = (float(voxels.min()), float(voxels.max())) if full else percentile_range(voxels)
    unit = scale_to_unit(voxels, *ends)
    unit.flags.writeable = False
    return unit


def _read_bytes(path: Path) -> bytes:
    """The file, decompressed, its checksum verified, once its header has been found possible."""
    with _open(path) as f:
        head = f.read(540)
        header = _read_header(path, head)
        n_voxels = int(np.prod(_spatial_shape(path, header)))
        needed = int(header.get_data_offset()) + n_voxels * header.get_data_dtype().itemsize
        ratio = _MAX_DEFLATE_RATIO if path.name.lower().endswith(".gz") else 1
        if needed > path.stat().st_size * ratio:
            raise InputError(
                f"cannot read {path}: the file is too short for {n_voxels} voxels; replace it or take it out"
            )
        raw = head + f.read(max(0, needed - len(head)))
        # the checksum of a compressed file is verified at its end
        if len(f.read(_MAX_TRAILING)) == _MAX_TRAILING:
            raise InputError(f"cannot read {path}: it goes on far beyond its {n_voxels} voxels")
    if len(raw) < needed:
        raise InputError(f"cannot read {path}: it ends before its {n_voxels} voxels do; replace it or take it out")
    return raw

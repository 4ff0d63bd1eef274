"""Write small DICOM and NIfTI files for tests."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def dicom(path: Path, pixels: np.ndarray, photometric: str = "MONOCHROME2", **elements: Any) -> Path:
    """Write pixels uncompressed. Elements go by keyword; ``BitsStored`` defaults to the type's width."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = SECONDARY_CAPTURE
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    ds.PhotometricInterpretation = photometric
    ds.SamplesPerPixel = 3 if photometric in ("RGB", "YBR_FULL") else 1
    if ds.SamplesPerPixel == 3:
        ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = pixels.shape[-3:-1] if ds.SamplesPerPixel == 3 else pixels.shape[-2:]
    ds.BitsAllocated = ds.BitsStored = 8 * pixels.itemsize
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    ds.HighBit = elements.get("HighBit", ds.BitsStored - 1)
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    ds.save_as(path, enforce_file_format=True)
    return path


def rle(path: Path) -> Path:
    """Compress a file in place by RLE."""
    import pydicom
    from pydicom.uid import RLELossless

    ds = pydicom.dcmread(path)
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.save_as(path, enforce_file_format=True)
    return path


def jpeg(path: Path, kind: str) -> Path:
    """Compress a grey file in place: ``"JPEG"`` (baseline, lossy) or ``"JPEG2000"`` (lossless)."""
    import pydicom
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

    ds = pydicom.dcmread(path)
    stream = io.BytesIO()
    options = {"quality": 95} if kind == "JPEG" else {"no_jp2": True, "irreversible": False}
    Image.fromarray(ds.pixel_array).save(stream, format=kind, **options)
    ds.PixelData = encapsulate([stream.getvalue()])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if kind == "JPEG" else JPEG2000Lossless
    ds.save_as(path, enforce_file_format=True)
    return path


def with_gdcm(path: Path, syntax: str) -> Path:
    """Compress a file in place by gdcm, as to ``"JPEGLosslessProcess14_1"`` or ``"JPEGLSLossless"``."""
    import gdcm

    target = path.with_suffix(".tmp")  # the writer empties its file at once
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    done = [reader.Read()]
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    change.SetInput(reader.GetImage())
    done.append(change.Change())
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    done.append(writer.Write())
    if not all(done):
        raise RuntimeError(f"gdcm could not read, change and write {path}: {done}")
    return target.replace(path)


def nifti(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> Path:
    """Write a volume; its affine is canonical (RAS, 1 mm) unless given."""
    import nibabel as nib

    nib.save(nib.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)
    return path

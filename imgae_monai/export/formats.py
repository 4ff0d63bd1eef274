"""A score model as the bytes of a file of each format, and back."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from monai.utils import look_up_option
from numpy.typing import NDArray

from imgae_monai.exceptions import InputError
from imgae_monai.export.score_model import OUTPUTS, ScoreModel
from imgae_monai.export.without_paths import onnx_without_paths, program_without_paths, torchscript_without_paths

SUFFIXES = {".onnx": "onnx", ".ts": "torchscript", ".pt2": "torch_export"}
FORMATS = tuple(SUFFIXES.values())
METADATA_FILE = "metadata.json"
DEFAULT_OPSET = 18

Scorer = Callable[[NDArray[np.float32]], dict[str, NDArray]]


def format_of(path: Path, name: str | None = None) -> str:
    """Format of a file that is about to be written.

    Args:
        path: the file.
        name: the format's name, or None to go by the file's suffix.

    Raises:
        InputError: when the suffix is of no format.
        ValueError: when the name is unknown.

    Example:
        >>> format_of(Path("model.onnx")), format_of(Path("model.bin"), "torchscript")
        ('onnx', 'torchscript')
    """
    if name is not None:
        return look_up_option(name, FORMATS)
    if path.suffix not in SUFFIXES:
        known = ", ".join(f"{suffix} ({kind})" for suffix, kind in SUFFIXES.items())
        raise InputError(
            f"the suffix {path.suffix!r} of {path.name} is of no format, expected {known}; or give --format"
        )
    return SUFFIXES[path.suffix]


def to_bytes(
    model: ScoreModel, format: str, example: torch.Tensor, metadata: Mapping[str, str], opset: int = DEFAULT_OPSET
) -> bytes:
    """A file's content; its batch is of any size. It holds neither paths of this machine nor the example.

    Args:
        model: on the CPU and in eval mode; its weights take no gradient from here on.
        format: one of :py:data:`FORMATS`.
        example: two images or more, shape (B, 1, H, W[, D]); noise takes their place.
        metadata: text by name, kept in the file.
        opset: version of ONNX's operators, 18 or higher.

    Raises:
        InputError: when the packages for ONNX are missing, or ``opset`` is below 18.
    """
    model.requires_grad_(False)
    # torch.export keeps what it was shown, and the images may be patients'
    example = torch.rand(example.shape, generator=torch.Generator().manual_seed(0))
    writers: dict[str, Callable[[], bytes]] = {
        "onnx": lambda: _onnx(model, example, metadata, opset),
        "torchscript": lambda: _torchscript(model, example, metadata),
        "torch_export": lambda: _torch_export(model, example, metadata),
    }
    with torch.no_grad(), _quiet():
        return writers[look_up_option(format, FORMATS)]()


def scorer(content: bytes, format: str) -> Scorer:
    """What such a file computes, run as its user will: images (B, 1, H, W[, D]) to outputs by name.

    Args:
        content: of the file.
        format: one of :py:data:`FORMATS`.
    """
    if format == "onnx":
        _check_onnx_packages()
        import onnxruntime

        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        return lambda images: dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"image": images}), strict=True))
    if format == "torchscript":
        module = torch.jit.load(io.BytesIO(content))
    else:
        module = torch.export.load(io.BytesIO(content)).module()

    def run(images: NDArray[np.float32]) -> dict[str, NDArray]:
        with torch.no_grad():
            return {name: value.numpy() for name, value in module(torch.from_numpy(images)).items()}

    return run


def _onnx(model: ScoreModel, example: torch.Tensor, metadata: Mapping[str, str], opset: int) -> bytes:
    _check_onnx_packages()
    if opset < DEFAULT_OPSET:
        raise InputError(f"opset must be {DEFAULT_OPSET} or higher, got {opset}: torch exports to no lower one")
    program = torch.onnx.export(
        model,
        (example,),
        input_names=["image"],
        output_names=list(OUTPUTS),
        opset_version=opset,
        dynamo=True,
        dynamic_shapes={"image": {0: torch.export.Dim("batch")}},
        external_data=False,
        verbose=False,
    )
    if program is None:  # only where it wrote a file itself
        raise RuntimeError("torch.onnx.export gave no program")
    proto = program.model_proto
    onnx_without_paths(proto)
    for key, value in metadata.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    return proto.SerializeToString()


def _torchscript(model: ScoreModel, example: torch.Tensor, metadata: Mapping[str, str]) -> bytes:
    # a dictionary as output asks for strict=False; outputs are checked on other images, and by the caller's own
    traced = torch.jit.trace(model, example, strict=False, check_trace=False)
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer, _extra_files={METADATA_FILE: json.dumps(metadata, indent=1)})
    return torchscript_without_paths(buffer.getvalue())


def _torch_export(model: ScoreModel, example: torch.Tensor, metadata: Mapping[str, str]) -> bytes:
    program = torch.export.export(model, (example,), dynamic_shapes={"image": {0: torch.export.Dim("batch")}})
    program_without_paths(program)
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files={METADATA_FILE: json.dumps(metadata, indent=1)})
    return buffer.getvalue()


def _check_onnx_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as e:
        raise InputError(f"ONNX takes packages that are not here ({e.name}): pip install 'imgae_monai[onnx]'") from e


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporters tell of torchvision, of traced constants and of deprecated parts of themselves."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)

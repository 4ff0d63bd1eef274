"""What exporters note of the machine that a file was made on, taken out of the file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import onnx

_DEBUG = ".debug_pkl"


def onnx_without_paths(model: onnx.ModelProto) -> None:
    """Take stack traces, which torch keeps with every node, out of an ONNX model and what it contains.

    Args:
        model: changed in place.
    """
    for function in model.functions:
        del function.metadata_props[:]
        function.ClearField("doc_string")
        _clear_nodes(function.node)
    _clear_graph(model.graph)
    del model.metadata_props[:]


def torchscript_without_paths(content: bytes) -> bytes:
    """Take the files out of a TorchScript archive that say which line of Python each operation comes from.

    They serve error messages only; ``torch.jit.load`` takes an archive without them.

    Args:
        content: of the file.

    Example:
        >>> buffer = io.BytesIO()
        >>> torch.jit.save(torch.jit.script(torch.nn.ReLU()), buffer)
        >>> torch.jit.load(io.BytesIO(torchscript_without_paths(buffer.getvalue())))(torch.tensor(-1.0)).item()
        0.0
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w") as target:
        for entry in source.infolist():
            if not entry.filename.endswith(_DEBUG):
                target.writestr(entry, source.read(entry))
    return buffer.getvalue()


def program_without_paths(program: torch.export.ExportedProgram) -> None:
    """Take stack traces out of the graph of a ``torch.export`` program, and out of the graphs in it.

    Args:
        program: changed in place.
    """
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)


def _clear_graph(graph: onnx.GraphProto) -> None:
    for part in (graph, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    _clear_nodes(graph.node)


def _clear_nodes(nodes: Iterable[onnx.NodeProto]) -> None:
    for node in nodes:
        del node.metadata_props[:]
        node.ClearField("doc_string")
        for attribute in node.attribute:
            for graph in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                _clear_graph(graph)

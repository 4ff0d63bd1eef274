"""What MONAI Label and MONAI Deploy do with a bundle: their own classes where they are installed, else a reader.

The readers follow, step by step and in its order, what the classes read of a bundle and what they do with it:

- ``monailabel.tasks.infer.bundle.BundleInferTask`` (``__init__``, ``_load_bundle_config``, ``pre_transforms``,
  ``inferer``, ``post_transforms``) and ``BasicInferTask.__call__``, ``monailabel.transform.post.Restored``,
  ``monailabel.transform.writer.Writer``, of MONAI Label 0.8.5;
- ``monai.deploy.operators.MonaiBundleInferenceOperator`` (``get_bundle_config``, ``_init_config``, ``compute``,
  ``post_process``, ``_send_output``), of MONAI Deploy App SDK 4.0.0.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose, MapTransform
from monai.utils import convert_to_dst_type, ensure_tuple


def label(bundle: Path, image: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Mask as a picture of the image's own size, rows first, and record, by MONAI Label."""
    if importlib.util.find_spec("monailabel") is not None:
        return _label_itself(bundle, image)
    parser = ConfigParser()
    parser.read_config(bundle / "configs" / "inference.json")
    parser.config.update({"bundle_root": str(bundle)})  # type: ignore[union-attr]
    network = parser.get_parsed_content("network_def", instantiate=True)
    formats = json.loads((bundle / "configs" / "metadata.json").read_text())["network_data_format"]
    key_image, key_pred = next(iter(formats["inputs"])), next(iter(formats["outputs"]))
    network.load_state_dict(torch.load(bundle / "models" / "model.pt"), strict=False)
    network.eval()
    parser.config.update({"device": "cpu"})  # type: ignore[union-attr]
    data: dict[str, Any] = {"image": str(image), "image_path": str(image), "device": "cpu"}
    for transform in _transforms(parser, "preprocessing"):
        data = transform(data)
    with torch.no_grad():
        inputs = data[key_image][None].to(torch.device("cpu"))
        data["pred"] = parser.get_parsed_content("inferer", instantiate=True)(inputs, network)[0]
    for transform in _transforms(parser, "postprocessing"):
        data = transform(data)
    result = data[key_pred]
    spatial_shape = data[key_image].meta.get("spatial_shape", result.shape[1:])
    assert tuple(spatial_shape) == tuple(result.shape[1:]), "Restored would resize"
    result = result if result.ndim <= 3 else result[0] if result.shape[0] == 1 else result
    array = np.asarray(result).transpose()  # and ITK writes the last axis as x
    assert array.ndim == 2 or len(array) == 1
    return array.reshape(array.shape[-2:]), {
        **data["result"],
        "label_names": _label_names(formats["outputs"][key_pred]),
    }


def _transforms(parser: ConfigParser, key: str) -> list[Any]:
    found = parser.get_parsed_content(key, instantiate=True)
    return list(found.transforms) if isinstance(found, Compose) else found


def _label_names(pred: Mapping[str, Any]) -> dict[str, int]:
    return {v.lower(): int(k) for k, v in pred["channel_def"].items() if v.lower() != "background"}


def _label_itself(bundle: Path, image: Path) -> tuple[np.ndarray, dict[str, Any]]:
    from monailabel.tasks.infer.bundle import BundleInferTask
    from PIL import Image

    file, record = BundleInferTask(str(bundle), {})({"image": str(image), "device": "cpu"})
    return np.asarray(Image.open(file)), record  # type: ignore[arg-type]


def deploy(script: Path, values: np.ndarray) -> dict[str, Any]:
    """Outputs by name, of an image in memory, by MONAI Deploy: arrays of its ``Image``, and the record."""
    if importlib.util.find_spec("holoscan") is not None:
        from tests.bundles.deploy_app import run_operator

        return run_operator(script, values)
    parser, network = _read_script(script), torch.jit.load(script, map_location="cpu").eval()
    formats = parser["_meta_"]["network_data_format"]
    inferer = parser.get_parsed_content("inferer")
    preprocessing, postprocessing = (_without_files(parser, f"{name}processing") for name in ("pre", "post"))
    assert isinstance(preprocessing.transforms[0], MapTransform)
    assert isinstance(postprocessing.transforms[0], MapTransform)
    (name,) = formats["inputs"]
    with torch.no_grad():
        inputs = {name: MetaTensor.ensure_torch_and_prune_meta(convert_to_dst_type(values, dst=values)[0], {})}
        inputs = preprocessing(inputs)
        image = inputs.pop(name)
        outputs = ensure_tuple(inferer(inputs=image[None], network=network))[0]
        data = {next(iter(formats["outputs"])): outputs, **inputs, name: image}
        data = postprocessing(data)
    return {name: _sent(data[name], of["type"]) for name, of in formats["outputs"].items()}


def _read_script(script: Path) -> ConfigParser:
    parser = ConfigParser()
    with zipfile.ZipFile(script) as archive, tempfile.TemporaryDirectory() as folder:
        parser.read_meta(f=json.loads(archive.read(f"{script.stem}/extra/metadata.json")))
        archive.extract(f"{script.stem}/extra/inference.json", folder)
        parser.read_config([Path(folder) / script.stem / "extra" / "inference.json"])
    parser.parse()
    return parser


def _without_files(parser: ConfigParser, key: str) -> Compose:
    """It takes transforms away by their names."""
    compose = parser.get_parsed_content(key)
    names = ("LoadImage", "SaveImage")
    compose.transforms = tuple(t for t in compose.transforms if not any(n in type(t).__name__ for n in names))
    return compose


def _sent(value: Any, kind: str) -> Any:
    if kind == "image":
        squeezed = np.squeeze(value.cpu().numpy(), 0)
        return (squeezed if squeezed.ndim == 2 else np.swapaxes(squeezed, 0, 2)).astype(np.uint8)
    assert kind in ("series", "tuples"), "it sends nothing else that is no tensor"
    return np.asarray(value).item()

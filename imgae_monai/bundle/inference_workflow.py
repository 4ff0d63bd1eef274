"""Score images with a run from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.bundle import PythonicWorkflow
from monai.config import PathLike
from monai.data import Dataset, MetaTensor
from monai.engines import Evaluator
from monai.inferers import Inferer
from monai.transforms import Compose
from monai.utils import BundleProperty, BundlePropertyConfig, convert_to_tensor

from imgae_monai.data.encoded_image import EncodedImage
from imgae_monai.engines.check_ids import check_ids
from imgae_monai.engines.config_as_run import as_json
from imgae_monai.exceptions import InputError
from imgae_monai.handlers.checked_checkpoint_loader import check_checkpoint
from imgae_monai.transforms.load_grayscale import LoadGrayscaled

_OUTPUT_DIR = {
    BundleProperty.DESC: "folder that results are written to.",
    BundleProperty.REQUIRED: True,
    BundlePropertyConfig.ID: "output_dir",
}


class AnomalyInferenceWorkflow(PythonicWorkflow):
    """A run's ``inference.json`` as an object: properties in Python, and images in memory.

    MONAI's ``ConfigWorkflow`` runs the same config from files to files. This one is for a program that has images and
    wants scores: it finds the run by its folder wherever it is called from, has the trained weights once it is
    initialised, and scores what is put into :py:attr:`dataflow`, as MONAI's other pythonic workflows do. What it
    computes, with which values, stands in the run's config alone; a property that is set takes its place there. Scores
    are those of ``imgae-monai predict``, to the bit where the batch has the same size (in memory it is 1).

    A config executes code: open only runs that you trust.

    Args:
        bundle_root: folder of a run; None takes the one that ``config_file`` is in.
        workflow_type: ``"infer"``, ``"inference"``, ``"eval"`` or ``"evaluation"``.
        config_file: config, or configs of which later ones override earlier ones; None for the run's
            ``configs/inference.json``.
        meta_file: metadata; None for ``metadata.json`` beside the config.
        logging_file: config of logging; None leaves logging as it is.
        properties_path: see :py:class:`monai.bundle.PythonicWorkflow`.
        override: ids of the config and their values, as ``dataset_dir``, ``output_dir``, ``device``.

    Raises:
        InputError: when there is neither a folder nor a config, or the folder is no run.
        ValueError: for another type of workflow.

    Example::

        workflow = AnomalyInferenceWorkflow("runs/unet")
        workflow.initialize()
        workflow.dataflow["image"] = "chest.png"
        workflow.run()
        print(workflow.dataflow["score"], workflow.dataflow["decision"])
    """

    def __init__(
        self,
        bundle_root: PathLike | None = None,
        workflow_type: str = "inference",
        config_file: str | Sequence[str] | None = None,
        meta_file: str | Sequence[str] | None = None,
        logging_file: str | None = None,
        properties_path: PathLike | None = None,
        **override: Any,
    ) -> None:
        if workflow_type.lower() not in self.supported_infer_type:
            raise ValueError(f"workflow_type must be one of {self.supported_infer_type}, got {workflow_type!r}")
        files = _config_files(bundle_root, config_file)
        root = files[0].parents[1] if bundle_root is None else Path(bundle_root).expanduser()
        super().__init__(
            workflow_type=workflow_type,
            properties_path=properties_path,
            config_file=[str(file) for file in files],
            meta_file=str(files[0].with_name("metadata.json")) if meta_file is None else meta_file,
            logging_file=logging_file,
            bundle_root=str(root.resolve()),
            **override,
        )
        self.properties["output_dir"] = dict(_OUTPUT_DIR)
        self.dataflow: dict[str, Any] = {}

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        """Put properties that were set into the config, and the trained weights into the network.

        Raises:
            InputError: when an id is one that nothing reads, or the weights are missing or another network's.
        """
        super().initialize(*args, **kwargs)
        for name, value in self._set_props_vals.items():
            self.parser[self.properties[name].get(BundlePropertyConfig.ID, name)] = value
        self.parser.parse(reset=True)
        config = {key: value for key, value in self.parser.get().items() if key != self.parser.meta_key}
        check_ids(as_json(config), ["bundle_name", "preset"])
        self._load_weights()

    def _load_weights(self) -> None:
        path = Path(self._content("ckpt_dir")) / "model.pt"
        network = self._content("network").eval()
        check_checkpoint(path, network)
        network.load_state_dict(torch.load(path, map_location=self._content("device"), weights_only=True))

    def run(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Score the image in :py:attr:`dataflow`; where there is none, run the config: ``dataset_dir`` into files.

        ``dataflow["image"]`` is a path, the bytes of a PNG, JPEG or BMP, or an array or tensor (H, W[, D]) or
        (1, H, W[, D]) of grey values in [0, 1], rows first and of any size, as
        :py:class:`imgae_monai.transforms.LoadGrayscale` gives them.

        Returns:
            a copy of :py:attr:`dataflow`, which then also holds ``pred`` (the reconstruction, at the network's size),
            ``anomaly_map`` (1, H, W[, D]) at the image's own size, ``score``, ``threshold``, ``decision`` (1 for
            abnormal) and the maps that ``explain`` asks for. Results of the image before are gone from it, also where
            this one fails. After files it has none: they are in ``output_dir``, see
            :py:class:`imgae_monai.handlers.PredictionWriter`.

        Raises:
            RuntimeError: before :py:meth:`initialize`, or when a property was set since.
            InputError: when the image can't be read, or an array is of another form or range; or there is no
                calibration for the score.
        """
        of_maps = ("pred", "anomaly_map", *self.parser.get("explain", ()))
        for key in (*of_maps, "score", "threshold", "decision"):  # of the image before
            self.dataflow.pop(key, None)
        if not self._is_initialized:
            raise RuntimeError("call initialize() first, and again after a property was set")
        if "image" not in self.dataflow:
            for number in range(len(self.parser["run"])):
                self._content(f"run::{number}")
                self.parser.ref_resolver.remove_resolved_content(f"run::{number}")  # to be run again
            return dict(self.dataflow)
        item = self._prepare(self.dataflow["image"])
        image = item["image"].to(self._content("device"))
        with torch.no_grad():
            prediction = self.inferer(image[None], self._content("network").eval())[0]
        item = _apply(self.postprocessing, {**item, "image": image, "pred": prediction})
        threshold = float(self._content("calibration").threshold)
        score = float(item["score"])
        found = {key: item[key].cpu() for key in of_maps}
        self.dataflow.update(found, score=score, threshold=threshold, decision=int(score > threshold))
        return dict(self.dataflow)

    def _prepare(self, image: Any) -> dict[str, Any]:
        if isinstance(image, bytes):
            image = EncodedImage(image, name="the bytes in dataflow['image']")
        if not isinstance(image, np.ndarray | torch.Tensor):
            return _apply(self.preprocessing, {"image": image})
        # the loader would window what is not in [0, 1]; these are taken as loaded, so that a score is that of the file
        grey = _grey(image, int(self._content("spatial_dims")))
        after_loading = [t for t in self.preprocessing.transforms if not isinstance(t, LoadGrayscaled)]
        return _apply(Compose(after_loading), {"image": grey})

    def finalize(self, *args: Any, **kwargs: Any) -> None:
        """Nothing is left to do."""

    def _content(self, id: str) -> Any:
        return self.parser.get_parsed_content(id)

    def get_bundle_root(self) -> str:
        """Folder of the run, absolute."""
        return str(self._content("bundle_root"))

    def get_device(self) -> torch.device:
        """Where the network runs."""
        return torch.device(self._content("device"))

    def get_dataset_dir(self) -> Any:
        """Images for :py:meth:`run` without an image in :py:attr:`dataflow`: a folder, a file or a list."""
        return self._content("dataset_dir")

    def get_output_dir(self) -> str:
        """Folder that results for these are written to."""
        return str(self._content("output_dir"))

    def get_network_def(self) -> torch.nn.Module:
        """The network with its trained weights, in evaluation mode."""
        network: torch.nn.Module = self._content("network_def")
        return network

    def get_inferer(self) -> Inferer:
        """Runs the network, or the members of an ensemble."""
        return self._content("inferer")

    def get_preprocessing(self) -> Compose:
        """From a path to the network's input."""
        return self._content("preprocessing")

    def get_postprocessing(self) -> Compose:
        """From image and reconstruction to anomaly map and score."""
        return self._content("postprocessing")

    def get_dataset(self) -> Dataset:
        """The images of ``dataset_dir``."""
        return self._content("dataset")

    def get_dataset_data(self) -> Any:
        """Their paths."""
        return self._content("dataset::data")

    def get_handlers(self) -> list[Any]:
        """What loads the weights and writes the results."""
        return list(self._content("handlers"))

    def get_evaluator(self) -> Evaluator:
        """Scores the images of ``dataset_dir``."""
        return self._content("evaluator")


def _config_files(bundle_root: PathLike | None, config_file: str | Sequence[str] | None) -> list[Path]:
    if config_file is not None:
        names = [config_file] if isinstance(config_file, str) else list(config_file)
        return [Path(name).expanduser().resolve() for name in names]
    if bundle_root is None:
        raise InputError("give bundle_root, the folder of a run, or config_file")
    file = Path(bundle_root).expanduser() / "configs" / "inference.json"
    if not file.is_file():
        raise InputError(
            f"{bundle_root} is not a run: it has no configs/inference.json; make one with imgae-monai train"
        )
    return [file.resolve()]


def _apply(transforms: Compose, item: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(transforms(item))
    except RuntimeError as e:  # MONAI's "applying transform ..."
        if isinstance(e.__cause__, InputError):
            raise e.__cause__ from None
        raise


def _grey(image: np.ndarray | torch.Tensor, spatial_dims: int) -> MetaTensor:
    """An array of grey values with a channel, and a place to note what is done to it."""
    grey = convert_to_tensor(image, track_meta=False)
    shape = tuple(grey.shape)
    if grey.ndim == spatial_dims:
        grey = grey[None]
    if grey.ndim != spatial_dims + 1 or grey.shape[0] != 1 or not grey.numel():
        axes = ", ".join("HWD"[:spatial_dims])
        raise InputError(f"an image in memory is ({axes}) or (1, {axes}) for this run, got {shape}")
    if not grey.is_floating_point():
        raise InputError(
            f"an image in memory holds grey values in [0, 1], got {grey.dtype}: divide them by the value of white, or "
            "give a path or a file's bytes"
        )
    if not bool(((grey >= 0) & (grey <= 1)).all()):
        found = f"{float(grey.min()):g} to {float(grey.max()):g}"
        raise InputError(f"an image in memory holds grey values in [0, 1], got {found}: scale them first")
    return MetaTensor(grey.float())

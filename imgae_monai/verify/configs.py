"""The ids of a bundle's configs: how the zoo wants them named, and what MONAI's workflows find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imgae_monai.data.synthetic import write_synthetic_dataset
from imgae_monai.exceptions import InputError
from imgae_monai.verify.subject import Subject

# the zoo's CONTRIBUTING, "Preferred files and keys"
_INFERENCE = ("bundle_root", "device", "network_def", "inferer", "output_dir")
_TRAIN = (
    *("bundle_root", "device", "dataset_dir", "output_dir", "val_interval"),
    *("train#trainer", "train#trainer#max_epochs", "train#dataset", "train#dataset#data", "train#handlers"),
    *("train#preprocessing", "train#inferer"),
    *("validate#evaluator", "validate#handlers", "validate#dataset", "validate#dataset#data"),
    *("validate#preprocessing", "validate#postprocessing", "validate#inferer", "validate#key_metric"),
)
_WORKFLOWS = (("train", ("train",)), ("train", ("train", "evaluate")), ("infer", ("inference",)))


def check_ids(subject: Subject) -> None:
    """The configs have the ids that the zoo asks for, and validate every ``val_interval`` epochs.

    Raises:
        InputError: when an id is missing; names all that are.
    """
    from monai.bundle import ConfigParser

    parsers = {}
    for name, ids in (("inference", _INFERENCE), ("train", _TRAIN)):
        path = subject.config_file(name)
        parsers[name] = ConfigParser(ConfigParser.load_config_file(str(path)))
        missing = [id for id in ids if id not in parsers[name]]
        if missing:
            raise InputError(f"configs/{path.name} has no {', '.join(missing)}")
    handlers = [handler for handler in parsers["train"]["train#handlers"] if isinstance(handler, dict)]
    intervals = [h.get("interval") for h in handlers if h.get("_target_") == "ValidationHandler"]
    if set(intervals) - {"@val_interval"}:
        raise InputError(
            f"configs/train.json: the interval of ValidationHandler should be @val_interval, got {intervals[0]!r}"
        )


def check_properties(subject: Subject, workflows: Sequence[tuple[str, tuple[str, ...]]] = _WORKFLOWS) -> str:
    """MONAI's ``check_properties`` finds every property of the three workflows: training, evaluation, inference.

    MONAI builds what it looks for, so data are needed: phantoms, from which no image is read.

    Args:
        subject: the bundle.
        workflows: types of workflow and names of their configs, one over the other.

    Raises:
        InputError: when a property is missing or has another id.
        Exception: MONAI's own, when something can't be built.
    """
    from monai.bundle import ConfigWorkflow

    data = write_synthetic_dataset(
        subject.scratch / "phantoms", size=32, n_train=2, n_val=2, n_test_normal=1, n_test_abnormal=1
    )
    for workflow_type, names in workflows:
        files = [str(subject.config_file(name)) for name in names]
        workflow = ConfigWorkflow(
            config_file=files,
            meta_file=str(subject.meta_file),
            logging_file=False,
            workflow_type=workflow_type,
            bundle_root=str(subject.scratch),  # what a config writes when it is built stays out of the bundle
            **_on_phantoms(files, str(data)),
        )
        workflow.initialize()
        missing = workflow.check_properties()
        if missing:
            raise InputError(f"{' and '.join(names)}: MONAI does not find the properties {', '.join(missing)}")
    return "train, train and evaluate, inference"


def _on_phantoms(files: list[str], data: str) -> dict[str, Any]:
    """Overrides that build a config, that of a run on other data too, from phantoms, and keep it from servers."""
    from monai.bundle import ConfigParser

    config = ConfigParser.load_config_files(files)
    overrides = {
        "dataset_dir": data,
        "datalist": {"_target_": "imgae_monai.data.load_datalist", "source": data},
        "device": "$imgae_monai.engines.choose_device('cpu')",
        "batch_size": 2,
        "cache": "none",
        "slice_axis": None,
        **{"tensorboard": False, "mlflow_uri": None, "wandb_project": None},
    }
    return {key: value for key, value in overrides.items() if key in config}

"""Every id of a config is given another value, and the run is another one.

The ids come from the configs themselves: a new one without a row here fails. A row says what has to differ between two
tiny runs: the weights, the losses, what was written, an error, ... Where a run can't show it on a CPU, or in seconds,
it is what the trainer was built with.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from imgae_monai.handlers import TrackerGuard
from tests.conftest import BUNDLES, PLAIN_SCORE, REPO

# what MONAI starts from; no knobs
ENTRIES = {"imports", "initialize", "run", "run_calibrate"}
BASE = {
    "image_size": 16,
    "latent_size": 2,
    "batch_size": 4,
    "epochs": 1,
    "device": "cpu",
    "specificity": 0.5,
    "num_workers": 0,
    "cache_dtype": "float32",
    "augment_prob": 1.0,
    "tensorboard": False,
    "memory_budget": 1.0,
    "lr_schedule": "constant",
    "warmup_epochs": 0,
    **PLAIN_SCORE,
}
NETWORK = {
    "unet_autoencoder": {"channels": [4, 8], "strides": [2]},
    "reversed_autoencoder": {"channels": [4, 8], "strides": [2, 2]},
}
# the validation loss never falls
LEVEL = {"epochs": 3, "validate#key_metric#val_loss#loss_fn": "$lambda pred, image: torch.zeros(())"}
NOISE = {"corruptions": ["coarse_noise"]}
STEPS = {"epochs": 2, "lr_schedule": "step"}
WINDOW = {"cache": "smart", "memory_budget": 3.6e-5, "epochs": 3}


@dataclasses.dataclass(frozen=True)
class Row:
    """Another value, what must differ with it, and the ids that it needs to matter.

    ``data`` names a folder of the fixture, ``$DIR`` in a value the test's own.
    """

    value: Any
    differs: str
    context: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    data: str = "tree"
    after_a_run: bool = False


ROWS: dict[str, Row] = {
    "bundle_name": Row("other", "record"),
    "bundle_root": Row("$DIR/elsewhere", "files"),
    "ckpt_dir": Row("$@bundle_root + '/weights'", "files"),
    "output_dir": Row("$@bundle_root + '/records'", "files"),
    "dataset_dir": Row("$DATA/no_val", "data", {"val_fraction": 0.5}),
    "preset": Row("other", "record"),
    "seed": Row(1, "weights"),
    "device": Row("$torch.device('meta')", "error"),
    "amp": Row(True, "weights", {"amp_dtype": "bfloat16"}),
    "amp_dtype": Row("float16", "error", {"amp": True}),
    "compile": Row(True, "trainer"),
    "channels_last": Row(True, "trainer"),
    "resume": Row(True, "error"),
    "overwrite": Row(True, "error", after_a_run=True),
    "normal_names": Row(["normal", "healthy"], "error", {"abnormal_names": ["abnormal", "odd"]}, "classes"),
    "abnormal_names": Row(["abnormal", "odd"], "error", {"normal_names": ["normal", "healthy"]}, "classes"),
    "patient_pattern": Row(r"([a-z]+\d+)_", "data", {"val_fraction": 0.5}, "no_val"),
    "val_fraction": Row(0.5, "data", {"val_fraction": 0.3}, "no_val"),
    "drop_train_abnormal": Row(True, "error", data="abnormal_in_training"),
    "views": Row(["PA"], "data"),
    "sexes": Row(["F"], "data"),
    "ages": Row("0-40", "data"),
    "findings": Row(["mass"], "data"),
    "image_size": Row(8, "weights"),
    "aspect": Row("crop", "weights"),
    "slice_axis": Row(2, "error", data="volumes"),
    "slice_fraction": Row(0.5, "data", {"slice_axis": 2}, "volumes"),
    "window": Row("full", "weights", {"slice_axis": 2}, "volumes"),
    "lower_percentile": Row(20.0, "weights"),
    "upper_percentile": Row(80.0, "weights"),
    "clahe": Row(True, "weights"),
    "augment_prob": Row(0.0, "weights"),
    "rotation": Row(30.0, "weights"),
    "translation": Row(0.3, "weights"),
    "zoom": Row(0.3, "weights"),
    "gamma": Row(1.0, "weights"),
    "flip_prob": Row(1.0, "weights"),
    "corruptions": Row(["cut_paste"], "weights"),
    "noise_std": Row(0.5, "weights", NOISE),
    "noise_resolution": Row(4, "weights", NOISE),
    "prepare_batch": Row("$imgae_monai.engines.prepare_reconstruction", "weights", NOISE),
    "spatial_dims": Row(3, "error"),
    "channels": Row([4, 12], "weights"),
    "strides": Row([1], "weights"),
    "latent_size": Row(3, "weights"),
    "learned_variance": Row(True, "weights"),
    "dropout": Row(0.5, "weights"),
    "auxiliary_weight": Row(0.0, "weights"),
    "beta_rec": Row(1.0, "weights"),
    "beta_kl": Row(0.25, "weights"),
    "beta_neg": Row(1.0, "weights"),
    "gamma_r": Row(1.0, "weights"),
    "embedding_weight": Row(1.0, "weights"),
    "epochs": Row(2, "losses"),
    "batch_size": Row(2, "weights"),
    "eval_batch_size": Row(1, "trainer"),
    "optimizer_name": Row("sgd", "weights"),
    "learning_rate": Row(0.01, "weights"),
    "weight_decay": Row(0.5, "weights"),
    "momentum": Row(0.0, "weights", {"optimizer_name": "sgd"}),
    "max_grad_norm": Row(1e-3, "weights", {"optimizer_name": "sgd"}),
    "accumulation_steps": Row(2, "weights"),
    "lr_schedule": Row("cosine", "weights", {"epochs": 2}),
    "warmup_epochs": Row(1, "weights", {"epochs": 2}),
    "lr_step": Row(1, "weights", STEPS),
    "lr_factor": Row(0.1, "weights", {**STEPS, "lr_step": 1}),
    "lr_patience": Row(0, "weights", {**LEVEL, "lr_schedule": "plateau"}),
    "patience": Row(1, "losses", LEVEL),
    "min_delta": Row(10.0, "losses", {"epochs": 3, "patience": 1, "learning_rate": 0.01}),
    "val_interval": Row(2, "losses", {"epochs": 2}),
    "save_interval": Row(2, "files", {"epochs": 2}),
    "n_saved": Row(3, "files", {"epochs": 3}),
    "ensemble": Row(2, "calibration", {"epochs": 2}),
    "num_workers": Row(1, "trainer"),
    "memory_budget": Row(1e-5, "log"),
    "cache": Row("none", "log"),
    "cache_rate": Row(0.5, "log"),
    "cache_dir": Row("$DIR/cache", "error", {"cache": "persistent"}),
    "cache_dtype": Row("uint8", "weights", {"lower_percentile": 20.0}),
    "replace_rate": Row(1.0, "weights", WINDOW),
    "shuffle_buffer": Row(7, "trainer", {"datalist": "stream"}),
    "on_unreadable": Row("skip", "error", data="cut_off"),
    "tensorboard": Row(True, "tags"),
    "picture_interval": Row(1, "tags", {"tensorboard": True}),
    "mlflow_uri": Row("sqlite:///$DIR/mlflow.db", "trainer"),
    "wandb_project": Row("other", "trainer"),
    "wandb_mode": Row("offline", "trainer", {"wandb_project": "one"}),
    "residual": Row("l2", "calibration"),
    "residual_clahe": Row(True, "calibration"),
    "lpips_weights": Row("$DIR/none.pt", "error", {"residual": "lpips", "image_size": 32}),
    "smoothing_sigma": Row(1.0, "calibration"),
    "z_score": Row(True, "calibration"),
    "reduction": Row("max", "calibration"),
    "top_fraction": Row(0.5, "calibration", {"reduction": "top"}),
    "two_sided": Row(True, "calibration"),
    "combine": Row(["l2-mean", "latent"], "calibration"),
    "code_copies": Row(1, "calibration", {"combine": ["latent", "l1-mean"]}),
    "specificity": Row(0.75, "calibration"),
    "config": Row({"seed": "$@seed"}, "error"),
    "memory_format": Row("$torch.channels_last", "trainer"),
    "network": Row("$@network_def.to(@device).double()", "error"),
}
EVALUATION = {
    "split": Row("val", "error"),
    "n_bootstrap": Row(7, "metrics"),
    "no_model": Row(False, "files"),
    "of_training": Row([], "error"),
}
# ids that inference.json has beside those of train.json
INFERENCE = {
    "explain": Row(["occlusion"], "files"),
    "table": Row("csv", "files"),
    "part_size": Row(4, "files", {"table": "csv", "dataset_dir": "$DATA/tree/train"}),
    "unreadable": Row("row", "error", {"table": "csv", "dataset_dir": "$DATA/cut_off/train"}),
}
# a value that suits one of the networks only
OF_BUNDLE = {("reversed_autoencoder", "strides"): [2, 1]}
# introspective training refuses them
REFUSED = {("reversed_autoencoder", id): "error" for id in ("amp", "accumulation_steps", "compile", "learned_variance")}
# of a preset of the reversed autoencoder
PLAIN = {"hidden_size": 5, "dropout": 0.5}


def write_image(path: Path, value: int, shape=(16, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.random.default_rng(value).integers(0, 256, (4, 5), dtype=np.uint8)
    Image.fromarray(rows).resize(shape[::-1], Image.Resampling.BILINEAR).save(path)


def write_tree(root: Path, counts: Mapping[str, int], suffix: str = ".png") -> Path:
    """Images of ``split/class``, no two alike, with a manifest of patients, views, sexes and ages."""
    rows, value = [], 0
    for folder, n in counts.items():
        for i in range(n):
            value += 1
            write_image(root / folder / f"{folder[:2]}{value // 2}_{i}{suffix}", value)
            row = [
                f"{folder}/{folder[:2]}{value // 2}_{i}{suffix}",
                str(value),
                "PAAP"[i % 2 * 2 :][:2],
                "FM"[i % 2],
                30 + i % 2 * 30,
            ]
            rows.append([*row, ["mass", "effusion"][i % 2] if "abnormal" in folder else ""])
    if "val/normal" in counts:
        with open(root / "manifest.csv", "w", newline="") as f:
            csv.writer(f).writerows([["file", "patient_id", "view", "sex", "age", "finding"], *rows])
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    counts = {"train/normal": 8, "val/normal": 4, "test/normal": 2, "test/abnormal": 2}
    write_tree(root / "tree", counts)
    write_tree(root / "no_val", {"train/normal": 12, "test/normal": 2, "test/abnormal": 2})
    write_tree(root / "classes", {**counts, "test/odd": 1, "test/healthy": 1})
    write_tree(root / "abnormal_in_training", {**counts, "train/abnormal": 1})
    cut = write_tree(root / "cut_off", {**counts, "train/normal": 16}) / "train" / "normal" / "tr1_1.png"
    cut.write_bytes(cut.read_bytes()[:-30])
    _write_volumes(root / "volumes", counts)
    return root


def _write_volumes(root: Path, counts: Mapping[str, int]) -> None:
    import nibabel as nib

    value = 0
    for folder, n in counts.items():
        (root / folder).mkdir(parents=True)
        for i in range(n):
            value += 1
            array = np.random.default_rng(value).gamma(1.0, 100.0, (16, 16, 4)).astype(np.float32)
            nib.save(nib.Nifti1Image(array, np.eye(4)), root / folder / f"{i}.nii.gz")


class StreamedList:
    """As a data list of a stream, which nothing reads here."""

    def select(self, split: str, label: int | None = None) -> list[dict[str, Any]]:
        return [
            {"image": f"hf://a/b?streaming=true#train/{i}", "label": 0, "patient_id": "", "sha256": str(i)}
            for i in range(8)
        ]


@pytest.fixture(autouse=True)
def _plain(monkeypatch, caplog):
    """No curves are drawn: matplotlib would take most of the time."""
    monkeypatch.setattr("imgae_monai.visualize.plot_losses", lambda *args, **kwargs: None)
    monkeypatch.setattr("imgae_monai.handlers.EvaluationWriter._draw", lambda self: None)
    caplog.set_level(logging.INFO, logger="imgae_monai")


def workflow_of(bundle: str, folder: Path, ids: Mapping[str, Any], overlay: tuple[str, ...] = ()) -> ConfigWorkflow:
    configs = REPO / "bundles" / bundle / "configs"
    files = [str(configs / f"{name}.json") for name in ("train", *overlay)]
    ids = {"bundle_root": str(folder), **BASE, **NETWORK[bundle], **ids}
    if ids.get("datalist") == "stream":
        ids["datalist"] = StreamedList()
    return ConfigWorkflow(config_file=files, workflow_type="train", logging_file=False, meta_file=None, **ids)


def cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


def run_once(bundle: str, folder: Path, root: Path, ids: Mapping[str, Any], caplog, overlay=()) -> dict[str, Any]:
    """What a run leaves, told apart by kind. Nothing of it depends on where it was."""
    caplog.clear()
    workflow, error = workflow_of(bundle, folder, ids, overlay), None
    try:
        workflow.initialize()
        workflow.run()
    except Exception as e:
        error = cause(e)
    texts = [r.getMessage() for r in caplog.records if r.name.startswith("imgae_monai.data")]
    return {"error": error and error.replace(str(root), ""), "log": texts, **_files(root)}


def _files(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    paths = sorted(path for path in root.rglob("*") if path.is_file() and "tfevents" not in path.name)
    found["files"] = [path.relative_to(root).as_posix() for path in paths]
    for path in paths:
        if path.name == "model_final.pt":
            found["weights"] = _hash(torch.load(path, weights_only=True))
        if path.name.startswith("calibration-"):
            stored = torch.load(path, weights_only=True)
            found["calibration"] = {key: str(stored[key]) for key in ("threshold", "specificity", "score", "map_limit")}
        if path.name == "train.json":
            record = json.loads(path.read_text())
            found["losses"] = record["train_loss"], record["val_loss"]
            found["record"] = {key: record[key] for key in ("bundle", "preset", "seed", "image_size", "device")}
            found["data"] = record["data_fingerprint"], record["data_counts"]
        if path.name == "metrics.json":
            found["metrics"] = {k: v for k, v in json.loads(path.read_text()).items() if k.startswith(("auroc", "n_"))}
    events = sorted({path.parent for path in root.rglob("*tfevents*")})
    found["tags"] = [_tags(folder) for folder in events]
    return found


def _hash(state: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for key, value in state.items():
        digest.update(f"{key} {tuple(value.shape)}".encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _tags(folder: Path) -> dict[str, list[int]]:
    events = EventAccumulator(str(folder), size_guidance={"images": 0, "histograms": 0}).Reload()
    tags = events.Tags()
    shown = {tag: [e.step for e in events.Scalars(tag)] for tag in tags["scalars"]}
    return {**shown, **{tag: [e.step for e in events.Images(tag)] for tag in tags["images"]}}


def built(bundle: str, folder: Path, ids: Mapping[str, Any]) -> dict[str, Any]:
    """What the trainer would compute with, without computing."""
    workflow = workflow_of(bundle, folder, ids)
    workflow.initialize()
    parser = workflow.parser
    dataset = parser.get_parsed_content("train#dataset")
    found = {
        "n_workers": parser.get_parsed_content("train#dataloader").num_workers,
        "eval_batch_size": parser.get_parsed_content("validate#dataloader").batch_size,
        "buffer": getattr(dataset, "buffer_size", None),
    }
    if "datalist" not in ids:
        network = parser.get_parsed_content("train#trainer").network
        weights = [p for p in network.parameters() if p.ndim == 4 and p.shape[1] > 1 and p.shape[2] > 1]
        guards = [h for h in parser.get_parsed_content("train#handlers") if isinstance(h, TrackerGuard)]
        trackers = [tracker for guard in guards for tracker in guard.trackers if isinstance(tracker, functools.partial)]
        found["trackers"] = [
            (tracker.func.__name__, [tracker.keywords.get(key) for key in ("tracking_uri", "project", "mode")])
            for tracker in trackers
        ]
        found["network"] = type(network).__name__
        found["channels last"] = [p.is_contiguous(memory_format=torch.channels_last) for p in weights]
    return {"trainer": found}


def knobs(bundle: str, name: str) -> set[str]:
    """Top-level ids that are no component and no section."""
    config = json.loads((REPO / "bundles" / bundle / "configs" / f"{name}.json").read_text())
    return {
        key
        for key, value in config.items()
        if key not in ENTRIES
        and "#" not in key
        and not isinstance(value, dict)
        and not (isinstance(value, list) and value and isinstance(value[0], dict))
    }


@pytest.mark.parametrize("bundle", BUNDLES)
def test_every_id_has_a_row(bundle):
    train = knobs(bundle, "train")
    assert train <= ROWS.keys(), "give it a row: another value, and what changes"
    of_one = {"auxiliary_weight", "dropout", "beta_rec", "beta_kl", "beta_neg", "gamma_r", "embedding_weight"}
    assert ROWS.keys() - train <= of_one
    assert knobs(bundle, "evaluate") == EVALUATION.keys()
    assert knobs(bundle, "inference") - train == INFERENCE.keys()


@pytest.fixture(scope="module")
def unchanged() -> dict[str, dict[str, Any]]:
    """Runs to compare with, by what they were made with."""
    return {}


@pytest.mark.parametrize("bundle", BUNDLES)
def test_the_same_values_make_the_same_run(bundle, data, caplog, tmp_path):
    context = {"dataset_dir": str(data / "tree"), "tensorboard": True, "picture_interval": 1}
    first, second = (run_once(bundle, tmp_path / n / "bundle", tmp_path / n, context, caplog) for n in "ab")
    assert {"weights", "calibration", "losses", "record", "data", "files", "tags", "log"} <= first.keys()
    assert first["log"]
    assert first == second


@pytest.mark.parametrize("id", sorted(ROWS))
@pytest.mark.parametrize("bundle", BUNDLES)
def test_another_value_makes_another_run(bundle, id, data, unchanged, caplog, tmp_path):
    if id not in knobs(bundle, "train"):
        pytest.skip(f"{bundle} has no {id}")
    row = ROWS[id]
    value = OF_BUNDLE.get((bundle, id), row.value)
    if isinstance(value, str):
        value = value.replace("$DIR", str(tmp_path / "changed")).replace("$DATA", str(data))
    context = {"dataset_dir": str(data / row.data), **row.context}
    row = dataclasses.replace(row, differs=REFUSED.get((bundle, id), row.differs))
    if row.differs == "trainer":
        before = built(bundle, tmp_path / "unchanged", context)
        after = built(bundle, tmp_path / "changed", {**context, id: value})
    else:
        key = json.dumps([bundle, context, row.after_a_run], sort_keys=True)
        if row.after_a_run:
            for name in ("unchanged", "changed"):
                run_once(bundle, tmp_path / name / "bundle", tmp_path / name, context, caplog)
        if key not in unchanged:
            unchanged[key] = run_once(
                bundle, tmp_path / "unchanged" / "bundle", tmp_path / "unchanged", context, caplog
            )
        before = unchanged[key]
        after = run_once(bundle, tmp_path / "changed" / "bundle", tmp_path / "changed", {**context, id: value}, caplog)
    if row.differs != "error":
        assert (before.get("error"), after.get("error")) == (None, None)
    assert before[row.differs] != after[row.differs]


def test_ids_of_the_plain_presets_are_read(data, caplog, tmp_path):
    path = REPO / "bundles" / "reversed_autoencoder" / "configs" / "presets" / "plain_small.yaml"
    sizes = {**BASE, "channels": [4, 8], "strides": [1, 2], "hidden_size": 8}
    weights = []
    for name, value in {"": None, **PLAIN}.items():
        plain = ConfigParser.load_config_file(path) | sizes | ({name: value} if name else {})
        folder = tmp_path / name
        run = run_once("reversed_autoencoder", folder, folder, {"dataset_dir": str(data / "tree"), **plain}, caplog)
        assert run["error"] is None
        weights.append(run["weights"])
    assert len({*weights}) == 1 + len(PLAIN)


@pytest.mark.parametrize("id", sorted(EVALUATION))
@pytest.mark.parametrize("bundle", BUNDLES)
def test_another_value_makes_another_evaluation(bundle, id, data, unchanged, caplog, tmp_path):
    row, context = EVALUATION[id], {"dataset_dir": str(data / "tree"), "n_bootstrap": 20}
    signatures = []
    for ids in ({}, {id: row.value}):
        folder = tmp_path / f"run{len(signatures)}"
        run_once(bundle, folder, folder, {"dataset_dir": context["dataset_dir"]}, caplog)
        signatures.append(run_once(bundle, folder, folder, {**context, **ids}, caplog, overlay=("evaluate",)))
    assert signatures[0]["error"] is None
    assert signatures[0][row.differs] != signatures[1].get(row.differs)


@pytest.mark.parametrize("id", sorted(INFERENCE))
@pytest.mark.parametrize("bundle", BUNDLES)
def test_another_value_makes_another_prediction(bundle, id, data, caplog, tmp_path):
    run_once(bundle, tmp_path, tmp_path, {"dataset_dir": str(data / "tree")}, caplog)
    images = {"dataset_dir": str(data / "tree" / "test" / "normal"), "bundle_root": str(tmp_path)}
    names = [key for key in (*BASE, *NETWORK[bundle]) if key in knobs(bundle, "inference")]
    ids = {key: {**BASE, **NETWORK[bundle]}[key] for key in names}
    context = {key: value.replace("$DATA", str(data)) for key, value in INFERENCE[id].context.items()}
    signatures = []
    for changed in ({}, {id: INFERENCE[id].value}):
        output, error = tmp_path / f"predicted{len(signatures)}", None
        config = str(REPO / "bundles" / bundle / "configs" / "inference.json")
        workflow = ConfigWorkflow(
            config_file=config,
            workflow_type="inference",
            logging_file=False,
            meta_file=None,
            output_dir=str(output),
            **{**images, **ids, **context, **changed},
        )
        workflow.initialize()
        try:
            workflow.run()
        except Exception as e:
            error = cause(e)
        signatures.append({"error": error, **_files(output)})
    if INFERENCE[id].differs != "error":
        assert [signature["error"] for signature in signatures] == [None, None]
    assert signatures[0][INFERENCE[id].differs] != signatures[1][INFERENCE[id].differs]

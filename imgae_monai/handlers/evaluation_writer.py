"""Write what an evaluation found: ``metrics.json``, ``scores.csv``, components of scores, and pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
from ignite.engine import Engine, Events
from monai.config import PathLike

from imgae_monai.data.datalist import SYNTHETIC_NOTICE, Datalist
from imgae_monai.data.filters import age_in_years
from imgae_monai.data.fingerprint import datalist_fingerprint
from imgae_monai.engines.environment import environment
from imgae_monai.engines.gather import all_gather_state
from imgae_monai.engines.processes import is_first_process, leave_processes
from imgae_monai.engines.run_folder import EVALUATION_PARTS, check_no_results, check_writable
from imgae_monai.exceptions import InputError
from imgae_monai.handlers.extreme_examples import as_example, keep_extremes
from imgae_monai.handlers.localization_recorder import LocalizationRecorder
from imgae_monai.handlers.no_model_recorder import NoModelRecorder
from imgae_monai.metrics import (
    compute_curve_bands,
    compute_specificity_curve,
    metrics_with_intervals,
    optimistic_thresholds,
    subgroup_metrics,
)
from imgae_monai.metrics.subgroups import SUBGROUP_COLUMNS
from imgae_monai.transforms.calibration import Calibration

SCORE_COLUMNS = ("image", "label", "patient_id", "score", "decision", *SUBGROUP_COLUMNS)
_COMPONENT_COLUMNS = ("image", "label", "patient_id")
_MIN_SPECIFICITY = 0.9  # of the partial AUROC
_NOT_IN_CONFIG = "the config does not ask for it (that of an earlier version does not)"
_BAND_DRAWS = 2000  # as many as show in a picture


class EvaluationWriter:
    """Collect scores image by image and write results when the evaluator has ended.

    Where the score is made of components, ``component_scores.csv`` has a column for each, so that one evaluation tells
    what any of them alone is worth.

    Pictures are drawn after the last image, off the hot path; only the few images that they show are kept. Of several
    processes each collects its own images, and the first one writes those of all.

    Args:
        output_dir: folder to write to.
        datalist: the data, for fingerprint and origin.
        split: the split that is evaluated.
        calibration: threshold, and where it came from.
        settings: what else belongs in ``metrics.json`` (bundle, preset, seed, ...).
        n_bootstrap: number of draws behind each interval; see
            :py:func:`imgae_monai.metrics.metrics_with_intervals` for images too many to draw.
        seed: seed of the draws.
        overwrite: whether results that the folder holds may be replaced.
        config: the config as run, see :py:func:`imgae_monai.engines.config_as_run`.
        localization: keeps maps of images with known regions and tells how well they say where; None for none.
        no_model: scores the same images without a model; None for none.

    Raises:
        InputError: when ``n_bootstrap`` is not positive; before the first image, when the folder holds results or an
            image was used for the calibration.
    """

    def __init__(
        self,
        output_dir: PathLike,
        datalist: Datalist,
        split: str,
        calibration: Calibration,
        settings: Mapping[str, Any],
        n_bootstrap: int = 10000,
        seed: int = 0,
        overwrite: bool = False,
        config: Mapping[str, Any] | None = None,
        localization: LocalizationRecorder | None = None,
        no_model: NoModelRecorder | None = None,
    ) -> None:
        if n_bootstrap < 1:
            raise InputError(f"n_bootstrap must be at least 1, got {n_bootstrap}")
        self.output_dir = Path(output_dir)
        self.datalist = datalist
        self.split = split
        self.calibration = calibration
        self.settings = dict(settings)
        self.n_bootstrap = n_bootstrap
        self.seed = seed
        self.overwrite = overwrite
        self.config = config
        self.localization = localization
        self.no_model = no_model
        self._environment: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self._components: list[list[float]] = []
        self._known: dict[str, dict[str, str]] = {}
        self._examples: dict[tuple[int, bool], list[dict[str, Any]]] = {}

    def attach(self, engine: Engine) -> None:
        """Args: engine: an evaluator whose batch has ``image_path`` and ``patient_id``, and whose output ``score``."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._collect)
        engine.add_event_handler(Events.COMPLETED, self._write)

    def _start(self, engine: Engine) -> None:
        check_no_results(self.output_dir, self.overwrite)
        check_writable(self.output_dir)
        self._refuse_calibrated_on()
        if self.localization is not None:
            self.localization.start()
        self._environment = environment(engine.state.device)
        for name in EVALUATION_PARTS if is_first_process() else ():
            (self.output_dir / name).unlink(missing_ok=True)
        self.rows, self._components, self._examples = [], [], {}
        self._known = {i["image"]: _subgroups_of(i) for i in self.datalist.items if i["split"] == self.split}

    def _refuse_calibrated_on(self) -> None:
        used = {*self.calibration.image_sha256}
        seen = [i["image"] for i in self.datalist.items if i["split"] == self.split and i["sha256"] in used]
        if seen:
            raise InputError(
                f"{len(seen)} image(s) of the {self.split} split set the threshold: {', '.join(seen[:5])}. Evaluate on "
                "images of other patients"
            )

    def _collect(self, engine: Engine) -> None:
        for batch, output in zip(engine.state.batch, engine.state.output, strict=True):
            score = float(output["score"])
            row = {
                "image": batch["image_path"],
                "label": int(output["label"]),
                "patient_id": batch["patient_id"],
                "score": score,
                "decision": int(score > self.calibration.threshold),
                **self._known[batch["image_path"]],
            }
            self.rows.append(row)
            if self.calibration.score.components:
                self._components.append(output["components"].tolist())
            if self.localization is not None:
                self.localization.add(row["image"], row["patient_id"], output["anomaly_map"])
            self._keep_example(row, output)

    def _keep_example(self, row: dict[str, Any], output: Mapping[str, Any]) -> None:
        for highest in (True, False):
            kept = self._examples.setdefault((row["label"], highest), [])
            kept.append(as_example(row, output))
            keep_extremes(kept, highest)

    def _gather(self) -> None:
        """Take what the other processes have collected, in the order of the data list."""
        own = {"rows": self.rows, "components": self._components, "examples": self._examples}
        regions = None if self.localization is None else self.localization.state_dict()
        parts = all_gather_state({**own, "localization": regions})
        order = {item["image"]: n for n, item in enumerate(self.datalist.items) if item["split"] == self.split}
        self.rows = [row for part in parts for row in part["rows"]]
        places = sorted(range(len(self.rows)), key=lambda n: order[self.rows[n]["image"]])
        components = [values for part in parts for values in part["components"]]
        self.rows = [self.rows[n] for n in places]
        self._components = [components[n] for n in places] if components else []
        self._examples = {}
        for part in parts:
            for corner, examples in part["examples"].items():
                self._examples.setdefault(corner, []).extend(examples)
                keep_extremes(self._examples[corner], corner[1])
            if self.localization is not None:
                self.localization.load_state_dict(part["localization"])

    def _write(self, engine: Engine) -> None:
        if idist.get_world_size() > 1:
            self._gather()
            leave_processes()  # the others need not wait for the figures of many images, up to their time-out
        if not is_first_process():
            return
        with open(self.output_dir / "scores.csv", "w", newline="", encoding="utf-8") as f:
            writer = csv.DictWriter(f, SCORE_COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        self._write_components()
        metrics = self._metrics()
        (self.output_dir / "metrics.json").write_text(json.dumps(metrics, indent=1), encoding="utf-8")
        self._draw()

    def _write_components(self) -> None:
        names = self.calibration.score.components
        if not names:
            return
        with open(self.output_dir / "component_scores.csv", "w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f)
            writer.writerow([*_COMPONENT_COLUMNS, *names])
            for row, values in zip(self.rows, self._components, strict=True):
                writer.writerow([*(row[key] for key in _COMPONENT_COLUMNS), *values])

    def _metrics(self) -> dict[str, Any]:
        labels = [row["label"] for row in self.rows]
        patients = [row["patient_id"] for row in self.rows]
        threshold = self.calibration.threshold
        scored = [row["score"] for row in self.rows], labels, patients, threshold
        names = [row["image"] for row in self.rows]
        n, seed = self.n_bootstrap, self.seed
        values = metrics_with_intervals(*scored, n_draws=n, seed=seed, min_specificity=_MIN_SPECIFICITY, names=names)
        columns = {column: [row[column] for row in self.rows] for column in SUBGROUP_COLUMNS}
        return {
            **values,
            "threshold": threshold,
            "threshold_source": f"quantile {self.calibration.specificity:g} of {self.calibration.n_images} normal "
            "validation images' scores",
            "n_normal": labels.count(0),
            "n_abnormal": labels.count(1),
            "n_patients": len(set(patients)),
            "optimistic": optimistic_thresholds(scored[0], labels),
            "subgroups": subgroup_metrics(*scored, columns, n_draws=n, seed=seed),
            "n_bootstrap": n if values["interval_method"] == "bootstrap" else None,
            "specificity_curve": self._specificity_curve(),
            **self._no_model(),
            **self._localization(),
            **self.settings,
            "synthetic": self.datalist.synthetic,
            **({"notice": SYNTHETIC_NOTICE} if self.datalist.synthetic else {}),
            "data": self.datalist.source,
            "data_fallbacks": list(self.datalist.fallbacks),
            "split": self.split,
            "data_fingerprint": self.datalist.fingerprint,
            # a seed may divide training patients otherwise, and leave the images that are compared as they are
            "images_fingerprint": datalist_fingerprint([i for i in self.datalist.items if i["split"] == self.split]),
            "checkpoint_sha256": self.calibration.checkpoint_sha256,
            "calibration": self.calibration.summary(),
            **self._environment,
            "config": self.config,
        }

    def _specificity_curve(self) -> dict[str, Any] | None:
        scores, labels, patients = ([row[key] for row in self.rows] for key in ("score", "label", "patient_id"))
        normal_scores = self.calibration.normal_scores
        return compute_specificity_curve(normal_scores, scores, labels, patients, self.n_bootstrap, self.seed)

    def _no_model(self) -> dict[str, Any]:
        if self.no_model is None:
            return {"no_model": None, "no_model_reason": _NOT_IN_CONFIG}
        results = self.no_model.results(self.rows, self.n_bootstrap)
        self.no_model.write(self.output_dir / "no_model_scores.csv", self.rows)
        return {"no_model": results, **({} if results else {"no_model_reason": self.no_model.reason})}

    def _localization(self) -> dict[str, Any]:
        if self.localization is None:
            return {"localization": None, "localization_reason": _NOT_IN_CONFIG}
        results = self.localization.results(self.calibration, self.n_bootstrap, self.seed)
        return {"localization": results, **({} if results else {"localization_reason": self.localization.reason})}

    def _draw(self) -> None:
        # matplotlib takes a second to import, and only an evaluation draws
        from imgae_monai.visualize import picture_grid, plot_precision_recall, plot_roc, plot_score_histogram

        scores = np.array([row["score"] for row in self.rows])
        labels = np.array([row["label"] for row in self.rows])
        title = f"{self.settings.get('bundle', '')} {self.calibration.score.name}".strip()
        if self.datalist.synthetic:
            title += " (synthetic phantoms)"
        patients = [row["patient_id"] for row in self.rows]
        bands = compute_curve_bands(scores, labels, patients, min(self.n_bootstrap, _BAND_DRAWS), self.seed)
        if bands is not None:
            roc, precision_recall, series = {"model": bands[0]}, {"model": bands[1]}, {"model": scores}
            plot_roc(self.output_dir / "roc.png", series, labels, title, roc)
            plot_precision_recall(self.output_dir / "precision_recall.png", series, labels, title, precision_recall)
        plot_score_histogram(self.output_dir / "score_histogram.png", scores, labels, self.calibration.threshold, title)
        captions = {(1, True): "abnormal, highest score", (1, False): "abnormal, lowest score"}
        captions |= {(0, True): "normal, highest score", (0, False): "normal, lowest score"}
        rows = [
            {
                **{key: np.asarray(example[key].cpu()) for key in ("image", "pred", "anomaly_map")},
                "caption": f"{caption}: {_describe(example['row'])}",
            }
            for corner, caption in captions.items()
            for example in self._examples.get(corner, [])
        ]
        limit = max(self.calibration.map_limit, 1e-12)  # 0 where normal residuals are: any residual is then at the top
        picture_grid(rows, self.output_dir / "examples.png", limit, title)


def _subgroups_of(item: Mapping[str, Any]) -> dict[str, str]:
    years = age_in_years(item.get("age"))
    known = {column: "" if item.get(column) is None else str(item[column]).strip() for column in SUBGROUP_COLUMNS}
    return known | {"age": "" if years is None else str(years)}


def _describe(row: Mapping[str, Any]) -> str:
    decision = "abnormal" if row["decision"] else "normal"
    return f"{Path(row['image']).name}\nscore {row['score']:.4g}, decided {decision}"

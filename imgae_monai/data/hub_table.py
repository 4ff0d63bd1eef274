"""Open a Hugging Face data set, local or on the hub, and find its columns."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imgae_monai.data.folder import SPLIT_FOLDERS
from imgae_monai.data.hub_stream import HubStream, stored_features
from imgae_monai.data.hub_uri import HubSource
from imgae_monai.data.patients import to_patient
from imgae_monai.exceptions import InputError, SourceUnavailable

TABLE_FILES = {".parquet": "parquet", ".arrow": "arrow"}
HUB_TIMEOUT = 10  # seconds for the first answer
_BUILDERS = ("parquet", "arrow", "imagefolder")
_LABEL_NAMES, _PATIENT_NAMES = ("label", "labels"), ("patientid", "patient")


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns that a data list is made of; ``label_feature`` tells what the label column's values mean."""

    image: str
    label: str
    patient: str | None
    label_feature: Any

    @property
    def wanted(self) -> list[str]:
        """The columns, each once."""
        names = [self.image, self.label, *([self.patient] if self.patient else [])]
        return list(dict.fromkeys(names))

    def names(self, value: Any, where: object) -> list[str]:
        """Class names of one image, from its label as stored.

        Raises:
            InputError: when it has none.
        """
        values = value if isinstance(value, list) else [value]
        feature = getattr(self.label_feature, "feature", self.label_feature)
        if not values or any(v is None or (hasattr(feature, "int2str") and int(v) < 0) for v in values):
            raise InputError(f"{where}: no class in column {self.label!r}, found {value!r}; take the image out")
        return [feature.int2str(int(v)) if hasattr(feature, "int2str") else _text(v) for v in values]

    def patient_of(self, row: dict[str, Any]) -> str | None:
        """The patient of a row, None where it is not known."""
        return to_patient(row[self.patient]) if self.patient else None


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def open_splits(source: HubSource) -> dict[str, Any]:
    """The splits of a data set under their own names: ``datasets.Dataset``, or :py:class:`HubStream` where streamed.

    Raises:
        SourceUnavailable: when the extra is missing, the path doesn't exist, or the hub can't be reached or has no such
            data set that may be read.
        InputError: when it is of another format than Parquet, Arrow or an image folder, or damaged.
    """
    try:
        import datasets
    except ImportError as e:
        raise SourceUnavailable(f"{source.uri} needs datasets: pip install 'imgae_monai[huggingface]'") from e

    path = source.path
    if path is not None and not path.exists():
        raise SourceUnavailable(f"data {source.uri} does not exist: {path}")
    if path is None:
        _reach_hub(source)
    with explained(source):
        if path is not None and _is_saved(path):
            saved = datasets.load_from_disk(str(path))
            splits = saved if isinstance(saved, dict) else {str(saved.split or "train"): saved}
            return {name: _saved_stream(split) for name, split in splits.items()} if source.streaming else splits
        builder = _builder(source)
        if source.streaming:
            return _streams(builder, source)
        builder.download_and_prepare()
        return dict(builder.as_dataset())


def known_splits(splits: dict[str, Any], where: object) -> dict[str, str]:
    """The source's own split names, each with ``train``, ``val`` or ``test``; others are left out.

    Raises:
        InputError: when none is known.
    """
    known = {name: SPLIT_FOLDERS[name.lower()] for name in splits if name.lower() in SPLIT_FOLDERS}
    if not known:
        raise InputError(f"{where} has the splits {list(splits)}, expected any of {list(SPLIT_FOLDERS)}")
    return known


def find_columns(features: Any, source: HubSource) -> Columns:
    """The columns named in the address, or those that can be meant.

    Raises:
        InputError: when a column is missing, or several may be meant; lists them.
    """
    images = [name for name, f in features.items() if type(f).__name__ == "Image"]
    images = images or [name for name in ("image", "img") if name in features]
    labels = [
        name
        for name, f in features.items()
        if hasattr(getattr(f, "feature", f), "int2str") or name.lower() in _LABEL_NAMES
    ]
    patients = [name for name in features if re.sub(r"\W|_", "", name.lower()) in _PATIENT_NAMES]
    image = _column("image", source.image, images, features, source)
    label = _column("label", source.label, labels, features, source)
    patient = None
    if source.patient or patients:
        patient = _column("patient", source.patient, patients, features, source)
    return Columns(image, label, patient, features[label])


def _column(key: str, named: str | None, found: list[str], features: Any, source: HubSource) -> str:
    listed = ", ".join(f"{name} ({type(f).__name__})" for name, f in features.items())
    if named is not None:
        if named not in features:
            raise InputError(f"{source.uri}: no column {named!r}; there are {listed}")
        return named
    if len(found) != 1:
        raise InputError(
            f"{source.uri}: {'no' if not found else 'more than one'} column can be the {key}: there are {listed}; "
            f"name it, as {key}=COLUMN in the address"
        )
    return found[0]


def _is_saved(path: Path) -> bool:
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def _builder(source: HubSource) -> Any:
    import datasets

    path = source.path
    if path is not None and path.is_file():
        if path.suffix.lower() not in TABLE_FILES:
            raise InputError(f"data {source.uri} is a {path.suffix} file, expected .parquet or .arrow")
        files = {_split_of(path): [str(path)]}
        return datasets.load_dataset_builder(TABLE_FILES[path.suffix.lower()], data_files=files)
    builder = datasets.load_dataset_builder(source.name, source.config, revision=source.revision)
    kind = type(builder).__module__.rsplit(".", 1)[-1]
    if kind not in _BUILDERS:
        raise InputError(f"data {source.uri} is of the format {kind!r}, expected one of {list(_BUILDERS)}")
    named = [Path(str(file)).stem for split in (builder.config.data_files or {}).values() for file in split]
    if kind == "imagefolder" and "metadata" not in named:
        # by itself it leaves the label out of a split of one class, as training images are
        return datasets.load_dataset_builder(source.name, source.config, revision=source.revision, drop_labels=False)
    return builder


def _saved_stream(split: Any) -> HubStream:
    return HubStream(tuple(file["filename"] for file in split.cache_files), "arrow", split.features)


def _streams(builder: Any, source: HubSource) -> dict[str, HubStream]:
    kind = type(builder).__module__.rsplit(".", 1)[-1]
    if kind not in TABLE_FILES.values():
        raise InputError(f"data {source.uri} is an image folder, which can't be streamed: leave streaming out")
    splits = {str(name): tuple(map(str, files)) for name, files in builder.config.data_files.items()}
    features = builder.info.features or stored_features(next(iter(splits.values()))[0], kind)
    return {name: HubStream(files, kind, features) for name, files in splits.items()}


def _split_of(path: Path) -> str:
    """Split that a lone file's name tells (``test-00000-of-00001.parquet``), else train."""
    words = [word for word in re.split(r"[\W_]+", path.stem.lower()) if word in SPLIT_FOLDERS]
    return words[0] if len(words) == 1 else "train"


def _reach_hub(source: HubSource) -> None:
    """One bounded request before ``datasets`` starts to retry."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub import errors as hub

    if constants.HF_HUB_OFFLINE:
        return
    with explained(source):
        try:
            HfApi().dataset_info(source.name, revision=source.revision, timeout=HUB_TIMEOUT)
        except hub.HFValidationError as e:
            raise SourceUnavailable(f"data {source.uri}: {_first_line(e)}") from e


@contextlib.contextmanager
def explained(source: HubSource) -> Iterator[None]:
    """Third parties' errors as one line."""
    from datasets.exceptions import DatasetsError
    from huggingface_hub import errors as hub

    try:
        yield
    except InputError:
        raise
    except hub.GatedRepoError as e:
        raise SourceUnavailable(
            f"data {source.uri} is gated: ask for access on huggingface.co and log in (hf auth login)"
        ) from e
    except (hub.RepositoryNotFoundError, hub.RevisionNotFoundError) as e:
        raise SourceUnavailable(
            f"data {source.uri}: the hub has no such data set or revision, or it is private (hf auth login)"
        ) from e
    except Exception as e:
        cause = _network_cause(e)
        if cause is not None and source.path is None:
            offline = os.environ.get("HF_HUB_OFFLINE")
            mend = "HF_HUB_OFFLINE is set" if offline else "with a copy in the cache set HF_HUB_OFFLINE=1"
            raise SourceUnavailable(
                f"data {source.uri}: the Hugging Face hub can't be reached ({_first_line(cause)}); {mend}"
            ) from e
        if isinstance(e, (DatasetsError, OSError, ValueError, TypeError, KeyError, RuntimeError)):
            root = e.__cause__ or e
            raise InputError(f"cannot read data {source.uri}: {_first_line(root)}") from e
        raise


def _network_cause(error: BaseException | None) -> BaseException | None:
    """The failed connection behind an error; its class depends on the hub client's HTTP library."""
    while error is not None:
        names = {kind.__name__ for kind in type(error).__mro__}
        if names & {"TransportError", "ConnectionError", "HfHubHTTPError", "Timeout", "LocalEntryNotFoundError"}:
            return error
        error = error.__cause__ or error.__context__
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

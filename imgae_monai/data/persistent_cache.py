"""MONAI's cache on disk, made safe against files that are cut off and disks that are full."""

from __future__ import annotations

import io
import logging
import os
import uuid
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from monai.config import PathLike
from monai.data import PersistentDataset
from monai.data.utils import pickle_hashing
from monai.utils import convert_to_tensor

from imgae_monai.data.unreadable import SkippedImage
from imgae_monai.exceptions import InputError

logger = logging.getLogger(__name__)


class DiskCacheDataset(PersistentDataset):
    """``PersistentDataset`` that makes an unreadable file anew and says where it can't write.

    In MONAI 1.6.1 a file that was cut off ends every later run (it expects another error of torch), and files are
    written in the system's temporary folder first, from where they don't move to another file system in one step.

    Args:
        data: items; what they hold, paths and hashes, and the deterministic transforms name an image's file.
        transform: MONAI ``Compose``.
        cache_dir: folder of the files, made where it is missing. Several runs may share it.

    Raises:
        InputError: when the folder can't be made, read or written to.
    """

    def __init__(self, data: Sequence[Any], transform: Sequence[Callable] | Callable, cache_dir: PathLike) -> None:
        self._folder = Path(cache_dir)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise InputError(f"cannot make the folder {cache_dir}: {e.strerror}; give another cache_dir") from e
        super().__init__(data, transform, cache_dir=self._folder, hash_transform=pickle_hashing)

    def _cachecheck(self, item_transformed: Any) -> Any:
        path = self._folder / f"{self.hash_func(item_transformed).decode()}{self.transform_hash}.pt"
        if path.is_file():
            try:
                return torch.load(path, weights_only=True)
            except PermissionError as e:
                raise InputError(f"cannot read {path}: {e.strerror}; mend its permissions or delete it") from e
            except Exception as e:  # over a damaged file, torch raises a dozen kinds
                logger.warning("%s can't be read (%s): it is made anew", path, type(e).__name__)
        made = self._pre_transform(deepcopy(item_transformed))
        if isinstance(made, SkippedImage):
            return made
        made = convert_to_tensor(made, convert_numeric=False, track_meta=self.track_meta)
        self._write(made, path)
        return made

    def _write(self, item: Any, path: Path) -> None:
        """Replace the file in one step, so that no process and no later run finds a part of it."""
        encoded = io.BytesIO()  # torch hides what was wrong with a file that it writes itself
        torch.save(item, encoded)
        unfinished = path.with_name(f"{uuid.uuid4().hex}.tmp")
        try:
            unfinished.write_bytes(encoded.getbuffer())
            os.replace(unfinished, path)
        except OSError as e:
            raise InputError(
                f"cannot write to the cache_dir {self._folder}: {e.strerror}; make room there, or give another folder"
            ) from e
        finally:
            unfinished.unlink(missing_ok=True)

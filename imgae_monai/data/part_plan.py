"""Divide a list of images into parts, and the parts among processes."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai.config import PathLike
from monai.utils import look_up_option

from imgae_monai.data.images import image_items
from imgae_monai.data.row_table import TABLES, check_table
from imgae_monai.exceptions import InputError


class PartPlan:
    """Which images make which part, which parts are this process's, and which of these are still to be written.

    A part is ``part_size`` images of the list, the last one what is left, and one file ``parts/part-NNNNN.csv`` (or
    ``.parquet``), which is there wholly or not at all. Part ``n`` is that of rank ``n % world_size``. So neither the
    number of processes nor where one was stopped changes what a file holds; and since a part is whole batches, neither
    changes which images the network sees together, on which the last bits of a score may depend.

    MONAI's ``partition_dataset`` and torch's ``DistributedSampler`` share images, not files, and repeat some where the
    shares would be of unequal length.

    Args:
        paths: as :py:func:`imgae_monai.data.image_items` takes them; listed when they are asked for first.
        output_dir: folder of the results.
        table: ``"csv"`` or ``"parquet"``.
        part_size: images a part, a multiple of ``batch_size``.
        batch_size: that of the loader, which must keep the order.
        slice_axis: as there.
        slice_fraction: as there.
        rank: index of this process. Default ``RANK``, which torchrun sets, else 0.
        world_size: number of processes. Default ``WORLD_SIZE``, else 1.

    Raises:
        ValueError: when ``table`` is unknown.
        InputError: when a size or the rank is out of range, or Parquet can't be written here.
    """

    def __init__(
        self,
        paths: Sequence[PathLike] | PathLike,
        output_dir: PathLike,
        table: str = "csv",
        part_size: int = 1024,
        batch_size: int = 1,
        slice_axis: int | None = None,
        slice_fraction: float = 1.0,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        self.table = look_up_option(table, TABLES)
        check_table(self.table)
        self.rank = int(os.environ.get("RANK", "0")) if rank is None else rank
        self.world_size = int(os.environ.get("WORLD_SIZE", "1")) if world_size is None else world_size
        if not 0 <= self.rank < self.world_size:
            raise InputError(f"rank must be from 0 to world_size - 1, got {self.rank} of {self.world_size}")
        if part_size < 1 or part_size % batch_size:
            near = max(1, round(part_size / batch_size)) * batch_size
            raise InputError(f"part_size must be a multiple of batch_size ({batch_size}), got {part_size}: take {near}")
        self.output_dir = Path(output_dir)
        self.part_size = part_size
        self._list = functools.partial(image_items, paths, slice_axis, slice_fraction)

    @functools.cached_property
    def images(self) -> list[dict[str, Any]]:
        """The whole list, the same for every process."""
        return self._list()

    @property
    def n_parts(self) -> int:
        """Number of parts of the whole list."""
        return -(-len(self.images) // self.part_size)

    def path(self, part: int) -> Path:
        """File of a part."""
        return self.output_dir / "parts" / f"part-{part:05d}.{self.table}"

    def images_of(self, part: int) -> range:
        """Indices in the list of a part's images."""
        return range(part * self.part_size, min((part + 1) * self.part_size, len(self.images)))

    def missing(self) -> list[int]:
        """Parts of any process that are not there at this moment."""
        return [part for part in range(self.n_parts) if not self.path(part).is_file()]

    @functools.cached_property
    def pending(self) -> list[int]:
        """Parts of this process that were not there when they were asked for first, ascending."""
        return [part for part in self.missing() if part % self.world_size == self.rank]

    @property
    def items(self) -> Sequence[dict[str, Any]]:
        """What a data set takes: the images of the pending parts in order, each with its ``index`` in the list."""
        return _Items(self.images, [self.images_of(part) for part in self.pending])


class _Items(Sequence):
    """Made one by one, as the list is long."""

    def __init__(self, images: Sequence[dict[str, Any]], ranges: Sequence[range]) -> None:
        self._images = images
        self._ranges = ranges
        self._length = sum(map(len, ranges))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < self._length:
            raise IndexError(index)
        # all but the last of the ranges are of one length
        number, place = divmod(index, len(self._ranges[0]))
        at = self._ranges[number][place]
        image = self._images[at]["image"]
        return {"image": image, "image_path": image, "index": at}

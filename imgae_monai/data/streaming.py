"""Train on a Hugging Face data set as it streams by: nothing but the images of the moment is held."""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import apply_transform
from torch.utils.data import IterableDataset, get_worker_info

from imgae_monai.data.encoded_image import EncodedImage, is_streamed
from imgae_monai.data.hub_table import explained, find_columns, open_splits
from imgae_monai.data.hub_uri import parse_hub_uri
from imgae_monai.data.huggingface import to_example
from imgae_monai.data.patients import patient_known
from imgae_monai.exceptions import InputError

_Key = tuple[str, str | None]  # hash of the bytes, and the patient where the stream tells


class StreamedDataset(IterableDataset):
    """Stream the source of a data list again and yield the examples that are in the list, known by their bytes' hash.

    What comes out is so provably the selected split, whatever the stream's order. Ranks share the list's items (each
    reads the whole stream and passes over the others'), so that their lengths are equal to within copies of one image
    and no rank waits for another at an epoch's end. The workers of a rank share its batches: each reads the whole
    stream in the same order and decodes one batch in as many as there are workers. So the batches are the same whatever
    the number of workers, and each worker can tell whether the stream had all images.

    An image that is listed several times under one address, told apart by ``acquisition``, comes as often, one after
    the other (see :py:func:`imgae_monai.engines.copies_to_vary`).

    Args:
        items: items of a streamed data list, as ``datalist.select("train", 0)`` gives them.
        transform: applied to dicts with ``image`` (:py:class:`imgae_monai.data.EncodedImage`), ``image_path``,
            ``label``, ``patient_id``, ``sha256`` and the item's ``acquisition``, if any; None leaves them as they are.
        shuffle: whether to shuffle the shards' order and, by a buffer, the examples; anew each epoch, see
            :py:meth:`set_epoch`. Without it the stream's order is kept.
        buffer_size: encoded images in each worker's shuffle buffer; as many as there are items shuffle perfectly.
        seed: seed of the shuffle, the same on all ranks.
        rank: index of this process. Default torch.distributed's where that is initialised, else 0.
        world_size: number of processes. Default in the same way, else 1.
        batch_size: that of the loader, by which workers share; None lets the first worker read alone (once for all,
            where the network is what takes time), and the others idle.

    Raises:
        InputError: when the items are not of one stream, or (while iterating) the stream ends without some of them.
    """

    def __init__(
        self,
        items: Sequence[dict[str, Any]],
        transform: Callable | None = None,
        shuffle: bool = False,
        buffer_size: int = 1000,
        seed: int = 0,
        rank: int | None = None,
        world_size: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = (torch.distributed.get_rank() if distributed else 0) if rank is None else rank
        self.world_size = (
            (torch.distributed.get_world_size() if distributed else 1) if world_size is None else world_size
        )
        if not 0 <= self.rank < self.world_size:
            raise InputError(f"rank must be from 0 to world_size - 1, got {self.rank} of {self.world_size}")
        if buffer_size < 1:
            raise InputError(f"buffer_size must be at least 1, got {buffer_size}")
        if batch_size is not None and batch_size < 1:
            raise InputError(f"batch_size must be at least 1, got {batch_size}")
        self.uri, self.splits = _origin(items)
        self.transform = transform
        self.shuffle = shuffle
        self.buffer_size = buffer_size
        self.batch_size = batch_size
        self.seed = seed
        self._mine = _share(items, self.rank, self.world_size)
        self._length = sum(len(copies) for group in self._mine.values() for copies in group)
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # persistent workers see it change

    def __len__(self) -> int:
        return self._length

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle of the epochs to come.

        Args:
            epoch: any number, the same on all ranks.
        """
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        index, n_workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        if self.batch_size is None and index > 0:
            return
        given: dict[_Key, int] = defaultdict(int)
        place = 0
        for key, data in self._stream():
            group = self._mine[key]
            if given[key] == len(group):
                continue
            for item in group[given[key]]:
                if self.batch_size is None or place // self.batch_size % n_workers == index:
                    yield self._finish(item, data)
                place += 1
            given[key] += 1
        self._check_complete(given)

    def _finish(self, item: dict[str, Any], data: bytes) -> Any:
        example = {
            "image": EncodedImage(data, item["image"]),
            "image_path": item["image"],
            "label": item["label"],
            "patient_id": item["patient_id"],
            "sha256": item["sha256"],
            **{key: item[key] for key in ("acquisition",) if key in item},
        }
        return example if self.transform is None else apply_transform(self.transform, example)

    def _stream(self) -> Iterator[tuple[_Key, bytes]]:
        """Key and bytes of this rank's examples, in an order that seed and epoch alone decide."""
        if not self.shuffle:
            yield from self._read(None)
            return
        draw = np.random.default_rng(self.seed + int(self._epoch))
        buffer: list[tuple[_Key, bytes]] = []
        for example in self._read(draw):
            if len(buffer) < self.buffer_size:
                buffer.append(example)
                continue
            place = int(draw.integers(self.buffer_size))
            yield buffer[place]
            buffer[place] = example
        draw.shuffle(buffer)
        yield from buffer

    def _read(self, draw: np.random.Generator | None) -> Iterator[tuple[_Key, bytes]]:
        """What is ours of the stream, its shards in their order or in one that is drawn."""
        source = parse_hub_uri(self.uri)
        streams = open_splits(source)
        for own_name in self.splits:
            stream = streams[own_name]
            columns = find_columns(stream.features, source)
            shards: Sequence[int] = range(len(stream.files))
            if draw is not None:
                shards = draw.permutation(len(stream.files)).tolist()
            with explained(source):
                for row in itertools.chain.from_iterable(stream.rows(shard, columns.wanted) for shard in shards):
                    example = to_example(row, columns, f"a row of {self.uri}, {own_name}")
                    digest = hashlib.sha256(example.data).hexdigest()
                    key = (digest, example.patient) if (digest, example.patient) in self._mine else (digest, None)
                    if key in self._mine:
                        yield key, example.data

    def _check_complete(self, given: dict[_Key, int]) -> None:
        lost = [group[0][0]["image"] for key, group in self._mine.items() if given[key] < len(group)]
        if lost:
            raise InputError(
                f"{self.uri} has changed: {len(lost)} image(s) of the data list came no more, {lost[0]} first; start "
                "anew with the data as they are"
            )


def _origin(items: Sequence[dict[str, Any]]) -> tuple[str, list[str]]:
    """Address of the items' stream, and its splits that they come from."""
    if not items:
        raise InputError("a streamed data set needs items, got none")
    strangers = [item["image"] for item in items if not is_streamed(item["image"])]
    if strangers:
        raise InputError(f"{strangers[0]} is not of a stream: give the items of a source with streaming=true")
    places = [item["image"].rpartition("#") for item in items]
    uris = {uri for uri, _, _ in places}
    if len(uris) > 1:
        raise InputError(f"the items are of more than one stream: {sorted(uris)}")
    return uris.pop(), list(dict.fromkeys(place.rpartition("/")[0] for _, _, place in places))


def _share(items: Sequence[dict[str, Any]], rank: int, world_size: int) -> dict[_Key, list[list[dict[str, Any]]]]:
    """This rank's items by what tells them in the stream, those of one example together; equal images stay together."""
    groups: dict[_Key, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        key = item["sha256"], item["patient_id"] if patient_known(item) else None
        groups[key][item["image"]].append(item)
    loads = [0] * world_size
    mine = {}
    for key, group in groups.items():
        least = loads.index(min(loads))
        loads[least] += sum(map(len, group.values()))
        if least == rank:
            mine[key] = list(group.values())
    return mine

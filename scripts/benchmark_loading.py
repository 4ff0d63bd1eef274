"""Measure every way of loading on 20,000 generated PNGs of 224 px: images a second, and memory beyond the process's.

    .venv/bin/python scripts/benchmark_loading.py FOLDER [--n 20000] [--budget 0.5]

FOLDER gets the PNGs and the same images as Parquet (made once, about 1 GB in all), a folder for the cache on disk, and
loading.json and loading.md. Each way runs in a process of its own: two epochs of batches of 32 through MONAI's loader,
with 0 and with 2 workers. "memory" is the peak of that process and its workers together (shared pages count once), less
the same of a process that loads 64 images only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 224
BATCH = 32
WAYS = ("decode", "none", "memory", "smart", "persistent", "stream")


def draw(job: tuple[str, int]) -> None:
    """A smooth random image with a little noise: about as large a file as a radiograph of that size."""
    path, seed = job
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.random((14, 14), dtype=np.float32)).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    grey = 255 * np.clip(np.asarray(coarse), 0, 1) + rng.normal(0, 1.5, (SIZE, SIZE))
    Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(path, compress_level=1)


def make_data(folder: Path, n: int) -> None:
    images = folder / "png"
    images.mkdir(parents=True, exist_ok=True)
    jobs = [(str(images / f"{i:06}.png"), i) for i in range(n)]
    missing = [job for job in jobs if not Path(job[0]).is_file()]
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(draw, missing, chunksize=64))
    if not (folder / "parquet").is_dir():
        write_parquet(folder / "parquet", [Path(path) for path, _ in jobs])


def write_parquet(folder: Path, paths: list[Path], n_shards: int = 8) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import ClassLabel, Features, Value
    from datasets import Image as ImageFeature

    features = Features(
        {"image": ImageFeature(), "label": ClassLabel(names=["normal", "abnormal"]), "patient_id": Value("string")}
    )
    (folder / "data").mkdir(parents=True)
    for shard in range(n_shards):
        part = paths[shard::n_shards]
        table = pa.table(
            {
                "image": [{"bytes": path.read_bytes(), "path": path.name} for path in part],
                "label": [0] * len(part),
                "patient_id": [path.stem for path in part],
            },
            schema=features.arrow_schema,
        )
        pq.write_table(table, folder / "data" / f"train-{shard:05}-of-{n_shards:05}.parquet", row_group_size=200)


class Peak:
    """The most memory that this process and its workers held since the start."""

    def __init__(self) -> None:
        from imgae_monai.data import process_memory

        self.read = process_memory
        self.bytes = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.bytes = max(self.bytes, self.read())
            time.sleep(0.05)


def measure(folder: Path, way: str, workers: int, n: int, budget: float) -> dict:
    """One way in this process."""
    peak = Peak()
    import torch
    from monai.data import DataLoader
    from monai.transforms import Compose, EnsureTyped, RandFlipd

    from imgae_monai.data import MemoryBudget, load_datalist, memory_aware_dataset, read_image
    from imgae_monai.transforms import LoadGrayscaled, RestoreUnitd, StoreCompactd

    torch.set_num_threads(1)
    if way == "stream":
        datalist = load_datalist(f"hf://{folder / 'parquet'}?streaming=true", val_fraction=0.0005)
        items = datalist.select("train")[:n]
    else:
        paths = [str(folder / "png" / f"{i:06}.png") for i in range(n)]
        items = [{"image": p, "image_path": p, "label": 0, "patient_id": p} for p in paths]
    if way == "decode":
        start = time.perf_counter()
        for item in items:
            read_image(item["image"])
        return {"images_per_second": n / (time.perf_counter() - start), "peak": peak.bytes, "epoch": n}
    transform = Compose(
        [
            LoadGrayscaled("image"),
            EnsureTyped("image", track_meta=False),
            StoreCompactd("image"),
            RestoreUnitd("image"),
            RandFlipd("image", prob=0.5),
            EnsureTyped("image", track_meta=False),
        ]
    )
    gigabytes = 4.0 if way == "memory" else budget
    cache = way if way in ("none", "memory", "smart", "persistent") else "auto"
    start = time.perf_counter()
    dataset = memory_aware_dataset(
        items, transform, MemoryBudget(gigabytes), cache, cache_dir=folder / "cache", progress=False
    )
    loader = DataLoader(dataset, batch_size=BATCH, num_workers=workers, shuffle=way != "stream")
    rates = []
    if way == "smart":
        dataset.start()
    for epoch in range(2):
        seen = 0
        tick = time.perf_counter()
        if epoch == 0:
            tick = start
        for batch in loader:
            seen += len(batch["image"])
        rates.append(seen / (time.perf_counter() - tick))
        if way == "smart":
            dataset.update_cache()
    if way == "smart":
        dataset.shutdown()
    return {"first_epoch": rates[0], "images_per_second": rates[1], "peak": peak.bytes, "epoch": len(dataset)}


def child(folder: Path, way: str, workers: int, n: int, budget: float) -> dict:
    command = [sys.executable, __file__, str(folder), "--n", n, "--budget", budget, "--way", way, "--workers", workers]
    out = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--budget", type=float, default=0.5, help="gigabytes")
    parser.add_argument("--way", choices=WAYS, help="measure this one in this process")
    parser.add_argument("--workers", type=int, default=0)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(measure(given.folder, given.way, given.workers, given.n, given.budget)))
        return
    make_data(given.folder, given.n)
    rows = []
    for way in WAYS:
        for workers in (0,) if way == "decode" else (0, 2):
            alone = child(given.folder, "none" if way != "stream" else "stream", workers, 64, given.budget)
            result = child(given.folder, way, workers, given.n, given.budget)
            row = {"way": way, "workers": workers, **result, "memory": result["peak"] - alone["peak"]}
            rows.append(row)
            print(row, flush=True)
    (given.folder / "loading.json").write_text(json.dumps(rows, indent=1))
    lines = [
        "| way | workers | images an epoch | images/s, first epoch | images/s, then | memory, MB |",
        "|---" * 6 + "|",
    ]
    for r in rows:
        first = f"{r['first_epoch']:.0f}" if "first_epoch" in r else ""
        cells = [r["way"], r["workers"], r["epoch"], first, f"{r['images_per_second']:.0f}", f"{r['memory'] / 1e6:.0f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    (given.folder / "loading.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

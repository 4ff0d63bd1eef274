"""``imgae-monai select``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imgae_monai.selection import SelectionRun


def select(
    run: str,
    *runs: str,
    output: str,
    scores: str | None = None,
    n_images: int = 300,
    n_copies: int = 2,
    n_bootstrap: int = 500,
    seed: int = 0,
    device: str | None = None,
    overwrite: bool = False,
) -> None:
    """Choose preset and score without any label: on normal validation images and synthetic anomalies of them.

    No test image is opened. Each run's own validation images are used; runs that differ in the seed only are averaged.
    Of all that is not worse than the best by more than one standard error, the simplest score is chosen.

    Args:
        run: folder that train left; its configs execute code, so use only runs that you trust.
        runs: more of them: other presets, other seeds.
        output: folder for selection.json, selection.md and selected.yaml, to be laid over a bundle's train.json.
        scores: names by commas, as ssim-z-mean; + joins the parts of a combination. Default all of a short list.
        n_images: normal validation images of each run, patients drawn by the seed; 0 for all. Default 300.
        n_copies: copies of each image by each family of anomalies. Default 2.
        n_bootstrap: draws of patients behind each standard error. Default 500.
        seed: of patients, halves, copies and draws. Default 0.
        device: auto, cpu, cuda, cuda:1, mps. Default as trained.
        overwrite: replace the selection that the folder holds. Default false.
    """
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.data.datalist import SYNTHETIC_NOTICE
    from imgae_monai.engines import check_writable
    from imgae_monai.exceptions import InputError
    from imgae_monai.selection import select as select_score
    from imgae_monai.selection import validation_items
    from imgae_monai.selection.write_selection import PARTS, selection_flags, selection_sentences, write_selection

    target = Path(output).expanduser().resolve()
    held = [name for name in PARTS if (target / name).exists()]
    if held and not overwrite:
        raise InputError(f"{target} already holds {held[0]}: give another --output, or --overwrite to replace it")
    for name, value, least in (("n_images", n_images, 0), ("n_copies", n_copies, 1), ("n_bootstrap", n_bootstrap, 2)):
        if value < least:
            raise InputError(f"--{name} must be at least {least}, got {value}")
    folders = [bc.find_run(path) for path in (run, *runs)]
    for folder in folders:
        if folders.count(folder) > 1:
            raise InputError(f"{folder} was given twice: leave one out")
    check_writable(target)
    bc.log_to()
    named = None if scores is None else list(dict.fromkeys(name.strip() for name in scores.split(",")))
    loaded = [_load(folder, device) for folder in folders]
    listed = [validation_items(one.folder, one.checkpoint.parent, n_images, seed) for one in loaded]
    result = select_score(loaded, [items for items, _ in listed], named, n_copies, n_bootstrap, seed)
    notice = {"notice": SYNTHETIC_NOTICE} if any(synthetic for _, synthetic in listed) else {}
    write_selection({**notice, **result}, target)
    for line in selection_sentences(result):
        print(line)
    print(f"flags: {selection_flags(result)}")
    print(f"selection: {target / 'selection.md'}")


def _load(folder: Path, device: str | None) -> SelectionRun:
    from imgae_monai.cli import bundle_config as bc
    from imgae_monai.selection import SelectionRun

    files = [folder / "configs" / "train.json", folder / "configs" / "evaluate.json"]
    return SelectionRun(folder.name, folder, bc.merge_config(files, {}), device)

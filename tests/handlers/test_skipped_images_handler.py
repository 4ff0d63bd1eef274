from __future__ import annotations

from types import SimpleNamespace

import pytest
from ignite.engine import Engine
from monai.data import DataLoader, Dataset

from imgae_monai.data import SkippedImage, SkippedImages, collate_readable
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import SkippedImagesHandler


def engine_over(n: int, bad: set[int], sizes: list[int] | None = None) -> tuple[Engine, DataLoader]:
    """An engine over n images, the bad ones of which can't be read."""
    items = [SkippedImage(f"{i}.png", "damaged") if i in bad else {"image": i} for i in range(n)]
    loader = DataLoader(Dataset(items), batch_size=5, collate_fn=collate_readable)
    return Engine(lambda engine, batch: None if sizes is None else sizes.append(len(batch["image"]))), loader


def test_images_of_both_loaders_are_listed_and_the_rest_is_used():
    skipped, sizes = SkippedImages(), []
    (trainer, loader), (validator, val_loader) = engine_over(20, {3, 4}, sizes), engine_over(10, {7})
    SkippedImagesHandler(skipped, validator).attach(trainer)
    trainer.run(loader, max_epochs=3)
    validator.run(val_loader)
    assert [entry["path"] for entry in skipped.to_list()] == ["3.png", "4.png", "7.png"]
    assert sizes == [3, 5, 5, 5] * 3


@pytest.mark.parametrize(("bad", "refused"), [({3, 9}, False), ({3, 9, 14}, True)])
def test_more_than_a_tenth_of_an_epoch_is_an_error(bad, refused):
    skipped = SkippedImages()
    trainer, loader = engine_over(20, bad)
    SkippedImagesHandler(skipped).attach(trainer)
    if not refused:
        trainer.run(loader, max_epochs=3)  # counted anew each epoch
        return
    with pytest.raises(InputError, match=r"3 of 20 images of an epoch can't be read, more than 10%.* 14\.png"):
        trainer.run(loader, max_epochs=1)
    assert len(skipped.to_list()) == 3


def test_a_validation_is_counted_by_itself():
    trainer, loader = engine_over(20, {3, 4})
    validator, val_loader = engine_over(10, {1, 7})
    SkippedImagesHandler(SkippedImages(), validator).attach(trainer)
    trainer.run(loader)
    with pytest.raises(InputError, match="2 of 10 images"):
        validator.run(val_loader)


def test_batches_of_another_kind_pass():
    trainer = Engine(lambda engine, batch: None)
    skipped = SkippedImages()
    SkippedImagesHandler(skipped).attach(trainer)
    trainer.run([SimpleNamespace(), [1, 2], None], epoch_length=3)
    assert skipped.to_list() == []

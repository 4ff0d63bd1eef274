"""What every corruption of an image keeps to, and that a run with all of them goes on with the same bits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from monai.data import CacheDataset, DataLoader, MetaTensor
from monai.transforms import Compose, CopyItemsd, EnsureTyped, OneOf, RandomizableTrait

from imgae_monai.data import MovingCacheDataset
from imgae_monai.engines import ResumeState, prepare_restoration
from imgae_monai.transforms import (
    RandCoarseNoise,
    RandCoarseNoised,
    RandCutPaste,
    RandCutPasted,
    RandForeignWeightd,
    RandLesion,
    RandLesiond,
    RandMaskPatches,
    RandMaskPatchesd,
)
from imgae_monai.transforms import rand_coarse_noise as noise
from imgae_monai.transforms import rand_cut_paste as cut
from imgae_monai.transforms import rand_lesion as lesion
from imgae_monai.transforms import rand_mask_patches as mask

PAIRS = [
    (RandCoarseNoise, RandCoarseNoised),
    (RandCutPaste, RandCutPasted),
    (RandLesion, RandLesiond),
    (RandMaskPatches, RandMaskPatchesd),
]
ARRAYS = [array for array, _ in PAIRS]
FLAT = torch.rand(1, 16, 20, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1
VOLUME = torch.rand(2, 8, 9, 10, generator=torch.Generator().manual_seed(0)) * 0.8 + 0.1


@pytest.mark.parametrize("corruption", ARRAYS)
@pytest.mark.parametrize("image", [FLAT, VOLUME])
def test_an_image_is_changed_and_the_input_is_not(corruption, image):
    before = image.clone()
    out = corruption().set_random_state(1)(image)
    assert out.shape == image.shape
    assert out.dtype == image.dtype
    assert type(out) is torch.Tensor
    assert not torch.equal(out, image)
    out.zero_()
    assert torch.equal(image, before)


@pytest.mark.parametrize("corruption", ARRAYS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_the_type_is_kept(corruption, dtype):
    out = corruption().set_random_state(1)(FLAT.to(dtype))
    assert out.dtype == dtype
    assert torch.allclose(out.float(), corruption().set_random_state(1)(FLAT), atol=2e-3)


@pytest.mark.parametrize("corruption", ARRAYS)
def test_metadata_are_kept(corruption):
    image = MetaTensor(FLAT.clone(), meta={"filename_or_obj": "a.png"}, affine=2 * torch.eye(4))
    out = corruption().set_random_state(1)(image)
    assert isinstance(out, MetaTensor)
    assert out.meta["filename_or_obj"] == "a.png"
    assert torch.equal(out.affine, image.affine)
    assert torch.equal(out.as_tensor(), corruption().set_random_state(1)(FLAT))
    assert torch.equal(image.as_tensor(), FLAT)


@pytest.mark.parametrize("corruption", ARRAYS)
def test_what_is_drawn_follows_from_the_random_state_alone(corruption):
    first, second = (corruption().set_random_state(7) for _ in range(2))
    torch.manual_seed(0)
    expected = [first(FLAT) for _ in range(3)]
    torch.manual_seed(1)
    assert all(torch.equal(second(FLAT), x) for x in expected)
    assert not torch.equal(expected[0], expected[1])
    assert not torch.equal(corruption().set_random_state(8)(FLAT), expected[0])


@pytest.mark.parametrize("corruption", ARRAYS)
def test_prob_is_the_share_of_images_that_are_changed(corruption):
    transform = corruption(prob=0.3).set_random_state(2)
    changed = sum(not torch.equal(transform(FLAT), FLAT) for _ in range(400))
    assert 80 < changed < 160  # four standard deviations
    assert torch.equal(corruption(prob=0.0)(FLAT), FLAT)


@pytest.mark.parametrize(("array", "dictionary"), PAIRS)
def test_dictionary_versions_change_all_keys_alike(array, dictionary):
    item = {"a": FLAT, "b": FLAT.clone(), "label": 1}
    out = dictionary(["a", "b"]).set_random_state(3)(item)
    assert torch.equal(out["a"], array().set_random_state(3)(FLAT))
    assert torch.equal(out["a"], out["b"])
    assert out["label"] == 1
    assert item["a"] is FLAT
    assert isinstance(dictionary(), RandomizableTrait)  # where a cache has to end
    assert torch.equal(dictionary("a", prob=0.0)(item)["a"], FLAT)
    assert dictionary("other", allow_missing_keys=True)(item) == item
    with pytest.raises(KeyError, match="other"):
        dictionary("other")(item)


def test_aliases():
    assert noise.RandCoarseNoiseD is noise.RandCoarseNoiseDict is RandCoarseNoised
    assert cut.RandCutPasteD is cut.RandCutPasteDict is RandCutPasted
    assert lesion.RandLesionD is lesion.RandLesionDict is RandLesiond
    assert mask.RandMaskPatchesD is mask.RandMaskPatchesDict is RandMaskPatchesd


RAMP = torch.linspace(0, 0.04, 144).reshape(1, 12, 12)
ITEMS = [{"image": RAMP + 0.1 + i / 20} for i in range(12)]


def restoring() -> Compose:
    """The pipeline as a config would have it: a copy is corrupted in one way or another, the image stays clean."""
    ways = OneOf([RandCoarseNoised("corrupted"), RandCutPasted("corrupted"), RandMaskPatchesd("corrupted", [2, 4])])
    copy = [EnsureTyped("image", track_meta=False), CopyItemsd("image", names="corrupted")]
    return Compose([*copy, ways, RandForeignWeightd("image", prob=0.7)])


def loader(num_workers: int, window: bool) -> DataLoader:
    if window:
        data = MovingCacheDataset(ITEMS, restoring(), 8, 0.25, seed=1, progress=False)
    else:
        data = CacheDataset(ITEMS, restoring(), progress=False, copy_cache=False)
    return DataLoader(data, batch_size=4, shuffle=True, num_workers=num_workers)


def epoch(batches: DataLoader) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, targets = zip(*[prepare_restoration(batch) for batch in batches], strict=True)
    return torch.cat(inputs), torch.cat(targets)


@pytest.mark.parametrize(("num_workers", "window"), [(0, False), (2, False), (0, True)])
def test_a_run_goes_on_with_the_same_corruptions(num_workers, window):
    trainer = SimpleNamespace(scaler=None, state=SimpleNamespace(device=torch.device("cpu")))
    torch.manual_seed(3)
    batches = loader(num_workers, window)
    first = epoch(batches)
    state = ResumeState(trainer, [batches]).state_dict()
    expected = epoch(batches)
    assert not torch.equal(first[0], expected[0])

    torch.manual_seed(4)
    again = loader(num_workers, window)
    assert not torch.equal(epoch(again)[0], expected[0])
    ResumeState(trainer, [again]).load_state_dict(state)
    found = epoch(again)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    for image, target in zip(*found, strict=True):
        assert not torch.equal(image, target)
        assert any(torch.equal(target, item["image"]) for item in ITEMS)  # the cache is unspoilt

import pytest
import torch
from monai.data import list_data_collate
from monai.transforms import Compose

from imgae_monai.engines import prepare_restoration
from imgae_monai.transforms import RandCoarseNoised, RandForeignWeightd, RandMaskPatchesd, choose_corruption

WAYS = {
    "coarse_noise": RandCoarseNoised("corrupted", std=0.1),
    "foreign_patch": RandForeignWeightd("image", half_width=(1, 1), weight=(0.5, 0.5), core=0.01),
    "masked_patches": RandMaskPatchesd("corrupted", [4], value=1.0),
}
IMAGES = [{"image": torch.full((1, 8, 8), grey)} for grey in (0.2, 0.4, 0.6)]


def corrupted(names, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """What the trainer gets of a batch."""
    transform = Compose(choose_corruption(names, WAYS)).set_random_state(seed)
    return prepare_restoration(list_data_collate([transform(item) for item in IMAGES]))


def way(image: torch.Tensor, clean: torch.Tensor, before: torch.Tensor) -> str:
    """By what an image was corrupted, told from its pixels."""
    if torch.allclose(image, (clean + before) / 2):
        return "foreign_patch"
    return "masked_patches" if set(image.unique().tolist()) == {1.0, clean.max().item()} else "coarse_noise"


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("as_text", [False, True])
def test_one_name_is_that_corruption_of_each_image(name, as_text):
    inputs, targets = corrupted(name if as_text else [name])
    assert torch.equal(targets, torch.stack([item["image"] for item in IMAGES]))
    assert {way(*one) for one in zip(inputs, targets, targets.roll(1, dims=0), strict=True)} == {name}


def test_of_several_each_image_gets_one_and_all_come():
    seen = []
    for seed in range(30):
        inputs, targets = corrupted(list(WAYS), seed)
        seen += [way(*one) for one in zip(inputs, targets, targets.roll(1, dims=0), strict=True)]
    assert set(seen) == set(WAYS)
    assert all(15 < seen.count(name) < 45 for name in WAYS)  # 30 expected, standard deviation 4.5


def test_no_names_corrupt_nothing():
    assert choose_corruption([], WAYS) == []


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="coarse_noise"):
        choose_corruption(["coarse_nois"], WAYS)

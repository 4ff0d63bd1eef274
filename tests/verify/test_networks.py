from __future__ import annotations

import pytest
import torch

from imgae_monai.exceptions import InputError
from imgae_monai.verify.networks import check_in_out, check_presets, check_torchscript

FORMAT = "network_data_format"


def outputs(metadata):
    return metadata[FORMAT]["outputs"]["pred"]


def test_the_bundle_is_in_order(subject):
    assert check_in_out(subject) == "[1, 64, 64] to [1, 64, 64]"
    assert check_presets(subject) == "plain [64, 64], reference [128, 128], restoration [64, 64]"
    assert check_torchscript(subject) == "the same outputs, with new, untrained weights"
    assert {path.name for path in subject.folder.iterdir()} == {"LICENSE", "configs", "docs", "large_files.yml"}


def test_another_number_of_output_channels_fails(subject, change):
    change(subject.folder / "configs" / "inference.json", lambda c: c["network_def"].update(out_channels=3))
    with pytest.raises(ValueError, match="output channel number `3` doesn't match: `1`"):
        check_in_out(subject)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: outputs(m).update(spatial_shape=[32, 32]), r"gives \[64, 64\], metadata say \[32, 32\]"),
        (lambda m: outputs(m).update(value_range=[0.9, 1]), "metadata say 0.9 to 1"),
        (lambda m: outputs(m).update(dtype="float16"), "doesn't match: torch.float16"),
        (
            lambda m: m[FORMAT]["inputs"]["image"].update(spatial_shape=[96, 96]),
            r"should have the shape \(B, 1, 64, 64\), got \(1, 1, 96, 96\)",
        ),
    ],
)
def test_metadata_of_another_network_fail(spoil, message, subject, change):
    change(subject.meta_file, spoil)
    with pytest.raises(ValueError, match=message):
        check_in_out(subject)


def test_a_preset_that_can_not_be_built_is_named(subject):
    preset = subject.folder / "configs" / "presets" / "reference.yaml"
    preset.write_text(preset.read_text().replace("image_size: 128", "image_size: 100"))
    with pytest.raises(InputError, match=r"(?s)preset reference at \[100, 100\]: .*UNetAutoencoder"):
        check_presets(subject)


def test_weights_of_another_network_fail(subject):
    (subject.folder / "models").mkdir()
    torch.save({"head.weight": torch.zeros(1)}, subject.folder / "models" / "model.pt")
    with pytest.raises(RuntimeError, match="Missing key"):
        check_torchscript(subject)

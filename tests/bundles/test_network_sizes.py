"""MONAI's ``verify_net_in_out`` and ``ckpt_export`` over sizes, presets and axes."""

from __future__ import annotations

import json
import re

import pytest
import torch
from monai.bundle import ConfigParser, ckpt_export, verify_net_in_out
from monai.data import load_net_with_metadata

from tests.conftest import BUNDLES, REPO

SHAPE = "_meta_#network_data_format#inputs#image#spatial_shape"
SMALL = {"unet_autoencoder": ([4, 8, 8, 8], [2, 2, 2]), "reversed_autoencoder": ([4, 8, 8, 8], [2, 2, 2, 2])}
PRESETS = [
    (bundle, preset.stem)
    for bundle in BUNDLES
    for preset in sorted((REPO / "bundles" / bundle / "configs" / "presets").glob("*.yaml"))
]
# one preset of each network
VOLUMES = [(BUNDLES[0], "restoration", 3), (BUNDLES[1], "introspective", 3), (BUNDLES[1], "plain", 3)]


def configs(bundle):
    return REPO / "bundles" / bundle / "configs"


def verify(bundle: str, image: list[int], **overrides) -> None:
    verify_net_in_out(
        net_id="network_def",
        meta_file=str(configs(bundle) / "metadata.json"),
        config_file=str(configs(bundle) / "inference.json"),
        device="cpu",
        **{SHAPE: image, "channels": SMALL[bundle][0], "strides": SMALL[bundle][1], **overrides},
    )


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("image", [[32, 32], [96, 96], [128, 128], [32, 32, 32]])
def test_a_network_takes_the_size_that_it_is_made_for(bundle, image):
    verify(bundle, image, image_size=image[0], spatial_dims=len(image))


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_network_may_have_sides_of_its_own(bundle):
    verify(bundle, [32, 48], **{"network_def#img_size": [32, 48]})


@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("image", [[96, 96], [63, 64], [64]])
def test_the_default_network_refuses_another_size(bundle, image):
    expected = f"should have the shape (B, 1, 64, 64), got (1, 1, {', '.join(map(str, image))})"
    with pytest.raises(ValueError, match=re.escape(expected)):
        verify(bundle, image)


@pytest.mark.parametrize(("bundle", "mend"), [("unet_autoencoder", "96 or 104"), ("reversed_autoencoder", "96 or 112")])
def test_a_size_that_no_network_has_is_refused_with_those_next_to_it(bundle, mend):
    with pytest.raises(RuntimeError) as e:
        verify(bundle, [100, 100], image_size=100)
    cause = e.value
    while cause.__cause__ is not None:
        cause = cause.__cause__
    assert f"use {mend} instead of 100" in str(cause)


def trained_state(network: torch.nn.Module, image: torch.Tensor) -> dict:
    """Weights whose batch norms have seen images, so that training mode gives other outputs."""
    torch.manual_seed(0)
    network.train()
    for _ in range(3):
        network(torch.rand_like(image))
    return network.state_dict()


@pytest.mark.parametrize(("bundle", "preset", "dims"), [*((*p, 2) for p in PRESETS), *VOLUMES])
def test_every_preset_is_exported_to_torchscript(bundle, preset, dims, tmp_path):
    channels, strides = SMALL[bundle]
    strides = [1, *strides[1:]] if preset.startswith("plain") and bundle == "reversed_autoencoder" else strides
    small = {"channels": channels, "strides": strides, "image_size": 16, "latent_size": 3, "spatial_dims": dims}
    if "hidden_size" in (configs(bundle) / "presets" / f"{preset}.yaml").read_text():
        small["hidden_size"] = 8
    files = [str(configs(bundle) / "train.json"), str(configs(bundle) / "presets" / f"{preset}.yaml")]
    parser = ConfigParser(ConfigParser.load_config_files(files))
    parser.update(small)
    network = parser.get_parsed_content("network_def")
    images = torch.rand(4, 1, *[16] * dims)
    torch.save(trained_state(network, images), tmp_path / "model.pt")

    ckpt_export(
        net_id="network_def",
        filepath=str(tmp_path / "model.ts"),
        ckpt_file=str(tmp_path / "model.pt"),
        meta_file=str(configs(bundle) / "metadata.json"),
        config_file=files,
        **small,
    )
    with torch.no_grad():
        expected = network.eval()(images)
        scripted = torch.jit.load(str(tmp_path / "model.ts"))
        for batch in (4, 1, 3):
            torch.testing.assert_close(scripted(images[:batch]), expected[:batch])
        assert not torch.allclose(network.train()(images).reshape(-1)[:8], expected.reshape(-1)[:8])
    _, metadata, extra = load_net_with_metadata(str(tmp_path / "model.ts"), more_extra_files=[f"{preset}.json"])
    own = json.loads((configs(bundle) / "metadata.json").read_text())
    assert {key: metadata[key] for key in own} == own
    assert json.loads(extra[f"{preset}.json"])["preset"] == preset
    with pytest.raises(torch.jit.Error, match=r"should have the shape"):
        scripted(torch.rand(1, 1, *[24] * dims))

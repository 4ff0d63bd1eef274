from __future__ import annotations

import doctest
import re

import pytest
import torch

from imgae_monai.networks.nets import ReversedAutoencoder, reversed_autoencoder

SMALL = {
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 1,
    "channels": (4, 8),
    "strides": (1, 2),
    "latent_size": 3,
    "img_size": 8,
    "hidden_size": 16,
}

SHAPES = [
    pytest.param({}, id="two levels"),
    pytest.param({"channels": (4,), "strides": (2,)}, id="one level"),
    pytest.param({"channels": (4,), "strides": (1,)}, id="one level of stride 1"),
    pytest.param({"channels": (4, 6, 8), "strides": (2, 2, 2), "img_size": (16, 32)}, id="not square"),
    pytest.param({"channels": [2] * 6, "strides": [1] + [2] * 5, "img_size": 64}, id="six levels"),
    pytest.param({"channels": (4, 6, 8, 8), "strides": (2, 1, 3, 1), "img_size": [12, 18]}, id="unequal strides"),
    pytest.param({"in_channels": 3, "out_channels": 2}, id="channels in and out"),
    pytest.param({"spatial_dims": 3, "channels": (2, 4), "strides": (2, 2), "img_size": 8}, id="3-D"),
    pytest.param({"spatial_dims": 3, "img_size": (4, 8, 6), "dropout": 0, "norm": "instance"}, id="3-D, not cubic"),
]


def build(**changes) -> ReversedAutoencoder:
    torch.manual_seed(0)
    return ReversedAutoencoder(**{**SMALL, **changes})


def images(net: ReversedAutoencoder, batch_size: int = 2) -> torch.Tensor:
    return torch.rand(batch_size, *net.input_shape, generator=torch.Generator().manual_seed(1))


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def layers(module: torch.nn.Module) -> list[str]:
    """Every convolution of a decoder as ``kind in->out /stride``."""
    convs = [stage.conv for stage in module]
    return [f"{type(c).__name__} {c.in_channels}->{c.out_channels} /{c.stride[0]}" for c in convs]


@pytest.fixture(scope="module")
def reference():
    with torch.device("meta"):
        return ReversedAutoencoder(
            spatial_dims=2,
            in_channels=1,
            out_channels=1,
            channels=(64, 128, 256, 512),
            strides=(1, 2, 2, 2),
            latent_size=512,
            img_size=128,
        )


def test_reference_size_has_its_number_of_parameters(reference):
    assert count(reference) == 272_717_697
    assert reference(torch.empty(2, 1, 128, 128, device="meta")).shape == (2, 1, 128, 128)


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ("encoder", 1_550_784),
        ("to_latent", 134_743_552),
        ("from_latent", 134_874_112),
        ("decoder", 1_549_184),
        ("head", 65),
    ],
)
def test_every_stage_of_the_reference_size_has_its_number_of_parameters(reference, child, expected):
    assert count(getattr(reference, child)) == expected


def test_reference_size_is_nearly_all_fully_connected(reference):
    linear = sum(count(module) for module in reference.modules() if isinstance(module, torch.nn.Linear))
    assert linear / count(reference) == pytest.approx(0.989, abs=5e-4)


def test_child_names_are_those_that_checkpoints_are_told_apart_by():
    names = [name for name, _ in build().named_children()]
    assert names == ["encoder", "to_latent", "from_latent", "decoder", "head"]


@pytest.mark.parametrize(
    ("strides", "expected"),
    [
        ((1, 2, 2), ["ConvTranspose2d 8->6 /2", "ConvTranspose2d 6->4 /2"]),
        ((2, 2, 2), ["ConvTranspose2d 8->6 /2", "ConvTranspose2d 6->4 /2", "ConvTranspose2d 4->4 /2"]),
        ((1, 1, 2), ["ConvTranspose2d 8->6 /2", "Conv2d 6->4 /1"]),
        ((1, 1, 1), ["Conv2d 8->6 /1", "Conv2d 6->4 /1"]),
    ],
)
def test_decoder_mirrors_the_levels_of_the_encoder(strides, expected):
    decoder = build(channels=(4, 6, 8), strides=strides).decoder
    assert layers(decoder) == expected
    assert not any(isinstance(module, torch.nn.Dropout2d) for module in decoder.modules())


def test_dropout_is_in_the_encoder_and_the_hidden_linear_layers():
    kinds = {name: type(m).__name__ for name, m in build().named_modules() if "Dropout" in type(m).__name__}
    assert kinds == {
        "encoder.0.adn.D": "Dropout2d",
        "encoder.1.adn.D": "Dropout2d",
        "to_latent.2.D": "Dropout",
        "from_latent.1.D": "Dropout",
    }


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("changes", SHAPES)
def test_shapes_and_value_range(changes, training):
    net = build(**changes).train(training)
    x = images(net)
    z = net.encode(x)
    assert z.shape == (2, SMALL["latent_size"])
    for y in (net(x), net.decode(z)):
        assert y.shape == (2, net.head.out_channels, *x.shape[2:])
        assert 0 <= y.min() < y.max() <= 1


def test_forward_is_decode_of_encode():
    net = build().eval()
    x = images(net)
    torch.testing.assert_close(net(x), net.decode(net.encode(x)))


def test_features_are_those_of_every_level_and_the_last_leads_to_the_latent_ones():
    net = build(channels=(4, 8, 12), strides=(1, 2, 2)).eval()
    x = images(net)
    features = net.features(x)
    assert [tuple(f.shape[1:]) for f in features] == [(4, 8, 8), (8, 4, 4), (12, 2, 2)]
    torch.testing.assert_close(net.to_latent(features[-1]), net.encode(x))


def test_a_batch_of_one_trains_with_batch_norm():
    net = build()
    assert net(images(net, batch_size=1)).isfinite().all()


@pytest.mark.parametrize("dropout", [0, 0.0, None])
def test_without_dropout_training_mode_is_repeatable(dropout):
    net = build(dropout=dropout)
    x = images(net)
    torch.testing.assert_close(net(x), net(x))


def test_gradient_reaches_every_parameter():
    net = build(channels=(4, 6, 8), strides=(2, 1, 2), dropout=0)
    net(images(net)).square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_learns_to_tell_images_apart():
    x = torch.zeros(8, 1, 8, 8)
    for i in range(8):
        x[i, 0, i] = 1  # eight bars: a decoder that ignores the latent vector can't beat their mean
    net = build(channels=(8, 16), latent_size=8, dropout=0)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        (net(x) - x).square().mean().backward()
        optimizer.step()
    assert (net.eval()(x) - x).square().mean() < 0.25 * (x - x.mean(dim=0)).square().mean()


@pytest.mark.parametrize("changes", SHAPES)
def test_torchscript_equals_eager(changes):
    net = build(**changes).eval()
    x = images(net)
    scripted = torch.jit.script(net)
    torch.testing.assert_close(scripted(x), net(x))
    torch.testing.assert_close(scripted.decode(scripted.encode(x)), net(x))
    torch.testing.assert_close(scripted.features(x), net.features(x))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spatial_dims": 4}, "spatial_dims should be 2 or 3, got 4."),
        ({"channels": (), "strides": ()}, "channels should have at least 1 values, got 0."),
        ({"strides": (2,)}, "strides should have 2 values for the 2 channels (4, 8), got 1: (2,)."),
        ({"strides": (1, -2)}, "strides should be positive ints, got (1, -2)."),
        ({"channels": (4, 0)}, "channels should be positive ints, got (4, 0)."),
        ({"img_size": (8,)}, "img_size should be an int or have 2 values, one an axis, got (8,)."),
        (
            {"channels": (4, 4, 4), "strides": (2, 2, 2), "img_size": (64, 50)},
            "img_size (64, 50) should be divisible by 8, the product of the strides: use 48 or 56 instead of 50.",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        build(**changes)


@pytest.mark.parametrize("scripted", [True, False])
@pytest.mark.parametrize(
    ("method", "shape", "message"),
    [
        ("forward", (2, 2, 8, 8), "x should have the shape (B, 1, 8, 8), got (2, 2, 8, 8)."),
        ("forward", (2, 1, 8, 16), "x should have the shape (B, 1, 8, 8), got (2, 1, 8, 16)."),
        ("encode", (1, 8, 8), "x should have the shape (B, 1, 8, 8), got (1, 8, 8)."),
        ("features", (2, 1, 8, 16), "x should have the shape (B, 1, 8, 8), got (2, 1, 8, 16)."),
        ("decode", (3,), "z should have the shape (B, 3), got (3)."),
    ],
)
def test_inputs_of_another_shape_are_refused(method, shape, message, scripted):
    net = torch.jit.script(build()) if scripted else build()
    with pytest.raises(torch.jit.Error if scripted else ValueError, match=re.escape(message)):
        getattr(net, method)(torch.rand(shape))


def test_docstring_example_runs():
    results = doctest.testmod(reversed_autoencoder)
    assert results.attempted > 0
    assert results.failed == 0

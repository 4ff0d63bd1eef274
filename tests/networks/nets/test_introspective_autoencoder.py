from __future__ import annotations

import doctest
import re

import pytest
import torch

from imgae_monai.networks.nets import IntrospectiveAutoencoder, introspective_autoencoder

SMALL = {
    "spatial_dims": 2,
    "in_channels": 1,
    "out_channels": 1,
    "channels": (4, 8),
    "strides": (2, 2),
    "latent_size": 3,
    "img_size": 8,
}

SHAPES = [
    pytest.param({}, id="two levels"),
    pytest.param({"channels": (4,), "strides": (4,)}, id="one level"),
    pytest.param({"channels": (4, 6, 6), "strides": (2, 1, 3), "img_size": (12, 18)}, id="unequal strides, not square"),
    pytest.param({"channels": [2] * 5, "strides": [2] * 5, "img_size": 64}, id="five levels at 64"),
    pytest.param({"in_channels": 3, "out_channels": 2}, id="channels in and out"),
    pytest.param({"spatial_dims": 3, "img_size": (4, 8, 12), "norm": "instance"}, id="3-D, not cubic"),
]


def build(**changes) -> IntrospectiveAutoencoder:
    torch.manual_seed(0)
    return IntrospectiveAutoencoder(**{**SMALL, **changes})


def images(net: IntrospectiveAutoencoder, batch_size: int = 2) -> torch.Tensor:
    return torch.rand(batch_size, *net.input_shape, generator=torch.Generator().manual_seed(1))


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def reference(img_size: int) -> IntrospectiveAutoencoder:
    with torch.device("meta"):
        return IntrospectiveAutoencoder(2, 1, 1, (64, 128, 256, 512, 512), (2,) * 5, latent_size=128, img_size=img_size)


def test_reference_size_has_its_number_of_parameters():
    net = reference(128)
    assert count(net) == 29_430_785
    assert count(net.encoder) + count(net.decoder) == 29_430_785
    x = torch.empty(2, 1, 128, 128, device="meta")
    assert net(x).shape == x.shape
    sizes = [(64, 64), (128, 32), (256, 16), (512, 8), (512, 4)]
    assert [tuple(f.shape) for f in net.features(x)] == [(2, c, s, s) for c, s in sizes]


def test_half_the_image_size_takes_a_quarter_of_the_linear_layers():
    linear = 512 * 4 * 4 * (2 * 128) + 2 * 128 + 128 * 512 * 4 * 4 + 512 * 4 * 4
    quarter = 512 * 2 * 2 * (2 * 128) + 2 * 128 + 128 * 512 * 2 * 2 + 512 * 2 * 2
    assert count(reference(64)) == 29_430_785 - linear + quarter


def test_layers_are_those_of_the_paper():
    def convs(module: torch.nn.Module) -> list[str]:
        found = [m for m in module.modules() if isinstance(m, torch.nn.Conv2d)]
        return [f"{c.kernel_size[0]}: {c.in_channels}-{c.out_channels}{' bias' * (c.bias is not None)}" for c in found]

    net = build(channels=(4, 8), strides=(2, 2))
    assert convs(net.encoder) == ["5: 1-4", "3: 4-8", "3: 8-8", "1: 4-8", "3: 8-8", "3: 8-8"]
    assert convs(net.decoder) == ["3: 8-8", "3: 8-8", "3: 8-4", "3: 4-4", "1: 8-4", "3: 4-4", "3: 4-4", "5: 4-1 bias"]
    slopes = {m.negative_slope for m in net.modules() if isinstance(m, torch.nn.LeakyReLU)}
    assert slopes == {0.2}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("changes", SHAPES)
def test_shapes_and_value_range(changes, training):
    net = build(**changes).train(training)
    x = images(net)
    mu, log_var = net.encode(x)
    assert mu.shape == log_var.shape == (2, SMALL["latent_size"])
    for y in (net(x), net.decode(net.sample(mu, log_var))):
        assert y.shape == (2, changes.get("out_channels", 1), *x.shape[2:])
        assert 0 <= y.min() < y.max() <= 1


def test_forward_decodes_the_mean_and_draws_nothing():
    net = build().eval()
    x = images(net)
    before = torch.get_rng_state()
    torch.testing.assert_close(net(x), net.decode(net.encode(x)[0]))
    assert torch.equal(torch.get_rng_state(), before)


def test_sample_has_the_mean_and_the_variance_given():
    torch.manual_seed(0)
    mu, log_var = torch.tensor([[2.0, -1.0]]).expand(20_000, 2), torch.tensor([[0.0, 2.0]]).expand(20_000, 2)
    z = build(latent_size=2).sample(mu, log_var)
    torch.testing.assert_close(z.mean(0), torch.tensor([2.0, -1.0]), atol=0.06, rtol=0)
    torch.testing.assert_close(z.var(0).log(), torch.tensor([0.0, 2.0]), atol=0.06, rtol=0)


def test_gradient_reaches_every_parameter():
    net = build(channels=(4, 6, 8), strides=(2, 1, 2))
    features, mu, log_var = net.encoder(images(net))
    (net.decode(net.sample(mu, log_var)).square().mean() + features[0].mean()).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("changes", SHAPES)
def test_torchscript_equals_eager(changes):
    net = build(**changes).eval()
    x = images(net)
    scripted = torch.jit.script(net)
    torch.testing.assert_close(scripted(x), net(x))
    torch.testing.assert_close(scripted.features(x), net.features(x))
    mu, log_var = scripted.encode(x)
    torch.testing.assert_close(scripted.decode(mu), net(x))
    torch.manual_seed(2)
    z = scripted.sample(mu, log_var)
    torch.manual_seed(2)
    torch.testing.assert_close(z, net.sample(mu, log_var))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spatial_dims": 4}, "spatial_dims should be 2 or 3, got 4."),
        ({"channels": (), "strides": ()}, "channels should have at least 1 values, got 0."),
        ({"strides": (2,)}, "strides should have 2 values for the 2 channels (4, 8), got 1: (2,)."),
        (
            {"channels": (4,) * 5, "strides": (2,) * 5, "img_size": (128, 100)},
            "img_size (128, 100) should be divisible by 32, the product of the strides: use 96 or 128 instead of 100.",
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
        ("encode", (2, 1, 8, 16), "x should have the shape (B, 1, 8, 8), got (2, 1, 8, 16)."),
        ("features", (1, 8, 8), "x should have the shape (B, 1, 8, 8), got (1, 8, 8)."),
        ("decode", (2, 4), "z should have the shape (B, 3), got (2, 4)."),
    ],
)
def test_inputs_of_another_shape_are_refused(method, shape, message, scripted):
    net = torch.jit.script(build()) if scripted else build()
    with pytest.raises(torch.jit.Error if scripted else ValueError, match=re.escape(message)):
        getattr(net, method)(torch.rand(shape))


def test_docstring_example_runs():
    results = doctest.testmod(introspective_autoencoder)
    assert results.attempted > 0
    assert results.failed == 0

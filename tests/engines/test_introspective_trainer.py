"""Two steps an iteration, each on its own half of the network, with the losses that the papers print."""

from __future__ import annotations

import copy
import io
import itertools
import json

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader
from monai.engines import IterationEvents
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn.functional import cosine_similarity, mse_loss

from imgae_monai.data.datalist import Datalist
from imgae_monai.data.phantom import chest_phantom
from imgae_monai.engines import IntrospectiveTrainer, ResumeState
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import GradientNormHandler, NonFiniteLossHandler, TrainingRecord
from imgae_monai.losses import IntrospectiveDecoderLoss, IntrospectiveEncoderLoss
from imgae_monai.networks.nets import IntrospectiveAutoencoder

SIZE = 8
SCALE = 1 / SIZE**2
STEPS = {"encoder": "decoder", "decoder": "encoder"}  # what a step trains, and what it holds


def make_network(**changes) -> IntrospectiveAutoencoder:
    torch.manual_seed(0)
    settings = {"channels": (4, 6), "strides": (2, 2), "latent_size": 3, "img_size": SIZE, **changes}
    return IntrospectiveAutoencoder(2, 1, 1, **settings).double()


def make_images(n: int = 4) -> torch.Tensor:
    return torch.rand(n, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def make_trainer(network, images=None, handlers=(), epochs=1, batch_size=4, lr=0.01, **changes) -> IntrospectiveTrainer:
    images = make_images() if images is None else images
    arguments = {
        "device": "cpu",
        "max_epochs": epochs,
        "train_data_loader": DataLoader([{"image": image} for image in images], batch_size=batch_size),
        "network": network,
        "encoder_optimizer": torch.optim.Adam(network.encoder.parameters(), lr=lr),
        "decoder_optimizer": torch.optim.Adam(network.decoder.parameters(), lr=lr),
        "encoder_loss": IntrospectiveEncoderLoss(SCALE),
        "decoder_loss": IntrospectiveDecoderLoss(SCALE),
        "train_handlers": handlers,
        "decollate": False,
        **changes,
    }
    return IntrospectiveTrainer(**arguments)


def run(trainer: IntrospectiveTrainer, seed: int = 3) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    trainer.run()
    return trainer.state.output


class Watch:
    """Weights and gradients of both halves, whenever an event has fired, and what an iteration's draws start from."""

    def __init__(self, event: IterationEvents) -> None:
        self.event = event
        self.weights: list[dict[str, list[torch.Tensor]]] = []
        self.gradients: list[dict[str, list[torch.Tensor | None]]] = []

    def attach(self, engine: IntrospectiveTrainer) -> None:
        engine.add_event_handler(Events.ITERATION_STARTED, self._keep_random_state)
        engine.add_event_handler(self.event, self)

    def _keep_random_state(self) -> None:
        self.random_state = torch.get_rng_state()

    def __call__(self, engine: IntrospectiveTrainer) -> None:
        halves = {name: list(getattr(engine.network, name).parameters()) for name in STEPS}
        self.weights.append({name: [p.detach().clone() for p in half] for name, half in halves.items()})
        self.gradients.append(
            {name: [None if p.grad is None else p.grad.clone() for p in half] for name, half in halves.items()}
        )


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> list[bool]:
    return [torch.equal(a, b) for a, b in zip(one, other, strict=True)]


def test_gradients_reach_only_what_a_step_trains():
    network, watch = make_network(), Watch(IterationEvents.BACKWARD_COMPLETED)
    run(make_trainer(network, handlers=[watch], optim_set_to_none=True))
    encoder_step, decoder_step = watch.gradients
    assert all(gradient.any() for gradient in encoder_step["encoder"])
    assert encoder_step["decoder"] == [None] * len(encoder_step["decoder"])
    assert all(gradient.any() for gradient in decoder_step["decoder"])
    assert all(equal(decoder_step["encoder"], encoder_step["encoder"]))  # what the encoder's own step has left
    assert all(p.requires_grad for p in network.parameters())


def test_a_step_changes_only_what_it_trains():
    network, watch = make_network(), Watch(IterationEvents.LOSS_COMPLETED)
    trainer = make_trainer(network, handlers=[watch])
    run(trainer)
    watch(trainer)
    for (before, after), trained in zip(itertools.pairwise(watch.weights), STEPS, strict=True):
        assert not any(equal(before[trained], after[trained]))
        assert all(equal(before[STEPS[trained]], after[STEPS[trained]]))


def divergence(mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    posterior = Independent(Normal(mu, (0.5 * log_var).exp()), 1)
    return kl_divergence(posterior, Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1))


def rec(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x - y).square().sum(dim=(1, 2, 3))


def papers_encoder_loss(network, x, z0):
    """The encoder's formula, written out; the order of the draws is the trainer's."""
    mu, log_var = network.encode(x)
    z = mu + (0.5 * log_var).exp() * torch.randn_like(mu)
    fakes, exponentials = (network.decode(z), network.decode(z0)), []
    for u in fakes:
        m, v = network.encode(u.detach())
        again = network.decode(m + (0.5 * v).exp() * torch.randn_like(m))
        exponentials.append((-2 * SCALE * (0.5 * rec(u, again) + 128 * divergence(m, v))).exp().mean())
    embedding = sum(
        0.5 * mse_loss(a, b) + (1 - cosine_similarity(a.flatten(1), b.flatten(1))).mean()
        for a, b in zip(network.features(x), network.features(fakes[0].detach()), strict=True)
    )
    evidence = SCALE * (0.5 * rec(x, fakes[0]) + divergence(mu, log_var)).mean()
    return evidence + (exponentials[0] + exponentials[1]) / 4 + 0.005 * embedding, z.detach()


def papers_decoder_loss(network, x, z, z0, gamma):
    fakes, divergences, errors = (network.decode(z), network.decode(z0)), [], []
    for u in fakes:
        m, v = network.encode(u)
        divergences.append(divergence(m, v).mean())
        again = network.decode((m + (0.5 * v).exp() * torch.randn_like(m)).detach())
        errors.append(rec(u.detach(), again).mean())
    return SCALE * (0.5 * rec(x, fakes[0]).mean() + 0.5 * sum(divergences) + 0.5 * gamma * 0.5 * sum(errors))


def test_losses_and_gradients_of_an_iteration_are_those_of_the_papers():
    network, x, gamma = make_network(), make_images(), 0.5
    expected, watch = copy.deepcopy(network), Watch(IterationEvents.BACKWARD_COMPLETED)
    loss = IntrospectiveDecoderLoss(SCALE, gamma=gamma)
    output = run(make_trainer(network, x, handlers=[watch], decoder_loss=loss))

    torch.set_rng_state(watch.random_state)
    z0 = torch.randn(4, 3, dtype=torch.float64)
    encoder_loss, z = papers_encoder_loss(expected, x, z0)
    gradients = torch.autograd.grad(encoder_loss, list(expected.encoder.parameters()))
    torch.testing.assert_close(output["encoder_loss"], encoder_loss.detach())
    torch.testing.assert_close(watch.gradients[0]["encoder"], list(gradients))

    expected.encoder.load_state_dict(network.encoder.state_dict())  # as the encoder's step left it
    decoder_loss = papers_decoder_loss(expected, x, z, z0, gamma)
    gradients = torch.autograd.grad(decoder_loss, list(expected.decoder.parameters()))
    torch.testing.assert_close(output["decoder_loss"], decoder_loss.detach())
    torch.testing.assert_close(watch.gradients[1]["decoder"], list(gradients))
    torch.testing.assert_close(output["loss"], output["encoder_loss"] + output["decoder_loss"])


def test_running_statistics_are_those_of_images_and_their_reconstructions():
    network, x, watch = make_network(), make_images(), Watch(IterationEvents.LOSS_COMPLETED)
    expected = copy.deepcopy(network).train()
    output = run(make_trainer(network, x, handlers=[watch]))

    torch.set_rng_state(watch.random_state)
    torch.randn(4, 3, dtype=torch.float64)  # what the samples are decoded from
    mu, log_var = expected.encode(x)
    torch.testing.assert_close(expected.decode(expected.sample(mu, log_var)), output["pred"])
    statistics = dict(network.named_buffers())
    assert statistics["encoder.levels.0.0.adn.N.num_batches_tracked"] == 1
    torch.testing.assert_close(statistics, dict(expected.named_buffers()))


def test_output_names_the_terms():
    output = run(make_trainer(make_network()))
    scalars = {"loss", "encoder_loss", "decoder_loss", "reconstruction", "kl", "kl_reconstruction", "kl_sample"}
    assert set(output) == {"image", "label", "pred", "embedding", *scalars}
    assert all(output[name].ndim == 0 and not output[name].requires_grad for name in ("embedding", *scalars))
    torch.testing.assert_close(output["reconstruction"], rec(output["image"], output["pred"]).mean())


def test_another_target_is_what_is_reconstructed():
    def halved(batch, device, non_blocking):
        return batch["image"], 0.5 * batch["image"]

    output = run(make_trainer(make_network(), prepare_batch=halved))
    torch.testing.assert_close(output["reconstruction"], rec(0.5 * output["image"], output["pred"]).mean())


def test_events_fire_once_a_step():
    fired = []
    trainer = make_trainer(make_network())
    for event in (*IterationEvents, Events.ITERATION_COMPLETED):
        trainer.add_event_handler(event, lambda engine, event=event: fired.append(event.value))
    run(trainer)
    step = ["forward_completed", "loss_completed", "backward_completed"]
    assert fired == [*step, *step, "model_completed", "iteration_completed"]


def test_the_same_seed_gives_the_same_weights():
    def weights(seed: int) -> list[torch.Tensor]:
        network = make_network()
        run(make_trainer(network, epochs=2, batch_size=2), seed)
        return list(network.parameters())

    assert all(equal(weights(3), weights(3)))
    assert not any(equal(weights(3), weights(4)))


def test_a_run_that_goes_on_ends_as_one_left_alone():
    def parts(epochs: int) -> dict:
        network = make_network()
        trainer = make_trainer(network, epochs=epochs, batch_size=2)
        return {
            "network": network,
            "encoder_optimizer": trainer.encoder_optimizer,
            "decoder_optimizer": trainer.decoder_optimizer,
            "trainer": trainer,
            "resume": ResumeState(trainer, [trainer.data_loader]),
        }

    alone = parts(epochs=2)
    run(alone["trainer"])
    cut = parts(epochs=1)
    run(cut["trainer"])
    file = io.BytesIO()
    torch.save({name: part.state_dict() for name, part in cut.items()}, file)
    file.seek(0)
    again = parts(epochs=2)
    for name, state in torch.load(file, weights_only=True).items():
        again[name].load_state_dict(state)
    again["trainer"].state.max_epochs = 2
    again["trainer"].run()
    assert not any(equal(list(cut["network"].parameters()), list(again["network"].parameters())))
    for name, value in alone["network"].state_dict().items():
        assert torch.equal(value, again["network"].state_dict()[name]), name


def test_an_image_that_is_not_finite_stops_it_before_any_weight_changes():
    network, images = make_network(), make_images()
    images[2, 0, 3, 3] = torch.nan
    before = [p.detach().clone() for p in network.parameters()]
    with pytest.raises(InputError, match=r"the loss is nan at epoch 1, iteration 1 \(not finite: image"):
        run(make_trainer(network, images, handlers=[NonFiniteLossHandler()]))
    assert all(equal(before, list(network.parameters())))


def test_a_decoders_loss_that_is_not_finite_stops_it_before_the_decoder_changes():
    network = make_network()
    before = [p.detach().clone() for p in network.decoder.parameters()]
    loss = IntrospectiveDecoderLoss(SCALE, beta_kl=float("inf"))
    with pytest.raises(InputError, match="the loss is inf at epoch 1, iteration 1"):
        run(make_trainer(network, handlers=[NonFiniteLossHandler()], decoder_loss=loss))
    assert all(equal(before, list(network.decoder.parameters())))


def test_both_gradients_are_clipped():
    watch = Watch(IterationEvents.BACKWARD_COMPLETED)
    run(make_trainer(make_network(), handlers=[GradientNormHandler(1e-3), watch]))
    for gradients, trained in zip(watch.gradients, STEPS, strict=True):
        norm = torch.cat([gradient.flatten() for gradient in gradients[trained]]).norm()
        assert norm == pytest.approx(1e-3, rel=1e-2)


def test_output_can_be_taken_apart():
    items = run(make_trainer(make_network(), decollate=True))
    assert [tuple(item["pred"].shape) for item in items] == [(1, SIZE, SIZE)] * 4


def test_without_a_batch_it_is_refused():
    trainer = make_trainer(make_network())
    with pytest.raises(ValueError, match="Must provide batch data"):
        trainer._iteration(trainer, None)


def test_learns_to_tell_phantoms_apart():
    drawn = [chest_phantom(np.random.default_rng(i), size=32)[0] for i in range(8)]
    images = torch.as_tensor(np.stack(drawn))[:, None]
    network = make_network(channels=(8, 16), strides=(4, 2), latent_size=8, img_size=32).float()
    losses = {  # at 32 pixels a divergence weighs 16 times what it does at 128
        "encoder_loss": IntrospectiveEncoderLoss(1 / 32**2, beta_rec=8.0),
        "decoder_loss": IntrospectiveDecoderLoss(1 / 32**2, beta_rec=8.0),
    }
    run(make_trainer(network, images, epochs=60, batch_size=8, lr=1e-3, **losses))
    with torch.no_grad():
        error = mse_loss(network.eval()(images), images)
    # the mean image is the best that a decoder could do which gives the same for all
    assert error < 0.75 * (images - images.mean(dim=0)).square().mean()


@pytest.mark.parametrize("asked", [{"amp": True}, {"compile": True}, {"accumulation_steps": 2}])
def test_what_it_can_not_do_is_refused_before_training(asked):
    with pytest.raises(InputError, match=rf"knows no {next(iter(asked))}: leave it at the default, or train a plain"):
        make_trainer(make_network(), **asked)


def test_the_terms_of_an_epoch_are_weighted_by_images(tmp_path):
    """Four images in batches of three and one; what ends up in train.json is a mean over the images."""
    seen: list[tuple[int, float]] = []
    trainer = make_trainer(make_network(), batch_size=3)
    validator = Engine(lambda engine, batch: None)
    validator.state.best_metric, validator.state.best_metric_epoch = 0.0, -1
    datalist = Datalist(items=[], source="nowhere", synthetic=False)
    record = TrainingRecord(tmp_path, tmp_path, datalist, validator, trainer.data_loader, {})
    record.attach(trainer)
    trainer.add_event_handler(
        Events.ITERATION_COMPLETED,
        lambda engine: seen.append((len(engine.state.output["image"]), engine.state.output["kl"].item())),
    )
    run(trainer)
    assert [n for n, _ in seen] == [3, 1]
    terms = json.loads((tmp_path / "train.json").read_text())["train_terms"]
    assert terms["kl"] == [[1, pytest.approx(sum(n * kl for n, kl in seen) / 4)]]
    names = {"encoder_loss", "decoder_loss", "reconstruction", "kl", "kl_reconstruction", "kl_sample", "embedding"}
    assert terms.keys() == names
    again = TrainingRecord(tmp_path, tmp_path, datalist, validator, trainer.data_loader, {})
    again.load_state_dict(record.state_dict())
    assert again.train_terms == record.train_terms

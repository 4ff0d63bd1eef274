from __future__ import annotations

import copy
import shutil

import pytest
import torch

from imgae_monai.engines import load_calibration
from imgae_monai.exceptions import InputError
from imgae_monai.selection import SelectionRun, default_scores, parse_score, score_label
from imgae_monai.selection.select import group_runs
from imgae_monai.transforms import CLAHE, ScoreDefinition


def changed(run: SelectionRun, name: str, **ids) -> SelectionRun:
    """The same weights under another config."""
    return SelectionRun(name, run.folder, {**run.config, **ids}, "cpu")


def test_an_anomaly_goes_through_clahe(loaded, items):
    equalised = changed(loaded, "equalised", clahe=True)
    image = equalised.load(items[0])
    assert torch.equal(image, loaded.load(items[0]))
    assert torch.equal(loaded.finish(image), image)
    assert torch.allclose(equalised.finish(image * 0.8), CLAHE()(image * 0.8))


def test_reconstructions_are_the_networks_in_evaluation_mode(loaded, items):
    image = loaded.load(items[0])
    with torch.no_grad():
        expected = loaded.network(image[None])[0]
    assert not loaded.network.training
    assert torch.allclose(loaded.reconstruct([image, image / 2])[0], expected, atol=1e-5)


def test_codes(loaded, items):
    images = [loaded.load(item) for item in items[:3]]
    codes = loaded.codes(["latent", "feature_gaussian"], images)
    assert codes["latent"].shape == (3, 4)
    alone = loaded.codes(["feature_gaussian"], images[1:2])["feature_gaussian"][0]
    torch.testing.assert_close(codes["feature_gaussian"][1], alone, rtol=1e-4, atol=1e-6)
    without = copy.copy(loaded)
    without.network = torch.nn.Identity()
    with pytest.raises(InputError, match="the score latent needs a network with encode, got Identity"):
        without.codes(["latent"], images)


def test_gaussians_of_codes_are_those_of_the_calibration(loaded, cli, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(loaded.folder, run)
    cli("calibrate", run, "--combine", "latent,feature_gaussian")
    stored = load_calibration(run / "models", ScoreDefinition(combine=("latent", "feature_gaussian"))).codes
    fitted = loaded.fit_codes(["latent", "feature_gaussian"])
    for name, gaussian in stored.items():
        torch.testing.assert_close(fitted[name].mean, gaussian.mean, rtol=1e-4, atol=1e-5)
    code = loaded.codes(["latent"], [torch.rand(1, 32, 32)])["latent"][0]
    assert fitted["latent"].squared_distance(code).item() == pytest.approx(
        stored["latent"].squared_distance(code).item(), rel=1e-2
    )


def test_a_score_that_the_config_does_not_know_is_refused(loaded):
    earlier = copy.copy(loaded)
    earlier.config = {key: value for key, value in loaded.config.items() if key != "z_score"}
    earlier.check_score(parse_score("l1-top0.05"))
    with pytest.raises(InputError, match="can't be scored by l1-z-mean: its config has no z_score"):
        earlier.check_score(parse_score("l1-z-mean"))
    assert not any("-z-" in name for name in default_scores(earlier))


def test_default_scores_can_all_be_given(loaded):
    names = default_scores(loaded)
    assert len(names) == len(set(names)) >= 12
    for name in names:
        loaded.check_score(parse_score(name))
        assert score_label(parse_score(name)) == name


@pytest.mark.parametrize("name", ["l1-mean+latent", "l1-mean+ssim-z-top0.05-two_sided", "ssim-sigma2-mean-two_sided"])
def test_labels_are_read_back(name):
    assert score_label(parse_score(name)) == name


def test_the_map_of_a_combination_is_that_of_its_first_part():
    assert parse_score("latent+ssim-z-mean+l1-mean").base == ScoreDefinition("l1")
    assert parse_score("latent+ssim-z-mean").base == ScoreDefinition("ssim", z_score=True)


@pytest.mark.parametrize("name", ["l1", "l3-mean", "l1-mean+l1-mean", "l1-mean+", "l1-top7"])
def test_bad_names_are_refused(name):
    with pytest.raises(InputError, match="--scores "):
        parse_score(name)


def test_runs_of_one_model_differ_in_the_seed_and_the_score(loaded):
    others = [changed(loaded, "b", seed=1, residual="ssim"), changed(loaded, "c", seed=2, epochs=3)]
    groups = group_runs([loaded, *others])
    assert list(groups.values()) == [[0, 1], [2]]
    assert list(groups) == [f"unet_autoencoder/{loaded.config['preset']} ({name})" for name in (loaded.name, "c")]
    assert list(group_runs([loaded])) == [f"unet_autoencoder/{loaded.config['preset']}"]
    with pytest.raises(InputError, match="of one model and seed: leave all but one out"):
        group_runs([loaded, changed(loaded, "again")])


def test_weights_of_another_size_are_refused(loaded):
    with pytest.raises(InputError, match="another size"):
        changed(loaded, "wide", latent_size=5)

from __future__ import annotations

import dataclasses
import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgae_monai.exceptions import InputError
from imgae_monai.transforms import ScoreDefinition
from imgae_monai.transforms.residual_map import RESIDUALS, RESIDUALS_OF_CLAHE

SCORE = ScoreDefinition("l2", smoothing_sigma=1.5, z_score=True, reduction="top", top_fraction=0.05)


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (ScoreDefinition(), "l1-mean"),
        (ScoreDefinition("l2", reduction="max"), "l2-max"),
        (ScoreDefinition("ssim", smoothing_sigma=2.0), "ssim-sigma2-mean"),
        (SCORE, "l2-sigma1.5-z-top0.05"),
        (ScoreDefinition("ms_ssim", 2.0, True, residual_clahe=True), "ms_ssim-clahe-sigma2-z-mean"),
        (dataclasses.replace(SCORE, two_sided=True), "l2-sigma1.5-z-top0.05-two_sided"),
        (ScoreDefinition(smoothing_sigma=1.23456789), "l1-sigma1.23456789-mean"),
    ],
)
def test_name_says_what_differs(score, name):
    assert score.name == name
    assert ScoreDefinition.parse(name) == score


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    residual=st.sampled_from(RESIDUALS),
    clahe=st.booleans(),
    sigma=st.floats(0, 1e6),
    z_score=st.booleans(),
    reduction=st.sampled_from(["mean", "max", "top"]),
    top_fraction=st.floats(0, 1, exclude_min=True),
    two_sided=st.booleans(),
)
def test_parse_is_the_inverse_of_name(residual, clahe, sigma, z_score, reduction, top_fraction, two_sided):
    top = {"top_fraction": top_fraction} if reduction == "top" else {}
    clahe = clahe and residual in RESIDUALS_OF_CLAHE
    score = ScoreDefinition(residual, sigma, z_score, reduction, two_sided=two_sided, residual_clahe=clahe, **top)
    assert ScoreDefinition.parse(score.name) == score


@pytest.mark.parametrize(
    "name", ["", "l1", "l1-mean-z", "l1-z-sigma2-mean", "l1-sigma-mean", "l1-sigmanan-mean", "latent", "l1-mean-mean"]
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InputError, match=rf"'{name}' is no name of a score, which are RESIDUAL\[-clahe\]"):
        ScoreDefinition.parse(name)


@pytest.mark.parametrize(("name", "message"), [("l3-mean", "'l3' is not a valid value"), ("l1-top2", r"in \(0, 1\]")])
def test_a_name_of_what_cannot_be_computed_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        ScoreDefinition.parse(name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"residual": "l3"}, "'l3' is not a valid value"),
        ({"residual": "reversed", "residual_clahe": True}, "residual_clahe has no effect with residual 'reversed'"),
        ({"smoothing_sigma": -1.0}, r"smoothing_sigma must not be negative, got -1\.0"),
        ({"reduction": "median"}, "'median' is not a valid value"),
        ({"top_fraction": 0.5}, "top_fraction 0.5 has no effect with reduction 'mean'"),
        ({"reduction": "top", "top_fraction": 0.0}, r"top_fraction must be in \(0, 1\], got 0\.0"),
        ({"combine": ["l1"]}, "'l1' is no name of a score"),
        ({"combine": "latent"}, "combine takes a list of names of scores, got 'latent'"),
        ({"combine": ["latent", "l1-mean", "latent"]}, "combine names latent twice"),
        ({"combine": ["l1-sigma2-mean", "l1-sigma2.0-mean"]}, "combine names l1-sigma2-mean twice"),
        ({"combine": ["l1-mean-two_sided"]}, "not two-sided themselves, got 'l1-mean-two_sided': set two_sided"),
    ],
)
def test_a_score_that_cannot_be_computed_cannot_be_defined(arguments, message):
    with pytest.raises(ValueError, match=message):
        ScoreDefinition(**arguments)


def test_a_combination_is_named_by_its_components_and_its_map():
    score = ScoreDefinition("ssim", combine=("latent", "l1-sigma2.0-mean"))
    expected = hashlib.sha256(b"ssim-mean l1-sigma2-mean latent").hexdigest()[:8]
    assert score.name == f"combined-{expected}"
    assert dataclasses.replace(score, two_sided=True).name == f"combined-{expected}-two_sided"
    with pytest.raises(InputError, match="is no name of a score"):
        ScoreDefinition.parse(score.name)
    assert ScoreDefinition(combine=("joint_gaussian",)).name.startswith("joint_gaussian-")


def test_names_of_different_combinations_differ():
    components = ["latent", "l1-mean", "l2-mean", "l2-max"]
    chosen = [c for n in range(1, 5) for c in itertools.combinations(components, n)]
    scores = [
        ScoreDefinition(residual, combine=c, two_sided=t)
        for residual, c, t in itertools.product(["l1", "l2"], chosen, [False, True])
    ]
    assert len({score.name for score in scores}) == len(scores) == 60


def test_a_combination_does_not_depend_on_the_order_or_the_kind_of_list():
    assert ScoreDefinition(combine=["latent", "l1-mean"]) == ScoreDefinition(combine=("l1-mean", "latent"))
    assert hash(ScoreDefinition(combine=["latent"])) == hash(ScoreDefinition(combine=("latent",)))


def test_clahe_takes_the_gradient_away():
    clahe = ScoreDefinition(residual_clahe=True)
    assert ScoreDefinition().has_gradient
    assert not clahe.has_gradient
    assert not ScoreDefinition("reversed").has_gradient
    assert not ScoreDefinition(combine=["latent", clahe.name]).has_gradient
    assert ScoreDefinition(residual_clahe=True, combine=["latent", "l1-mean"]).has_gradient


@pytest.mark.parametrize(
    ("score", "components"),
    [
        (SCORE, ()),
        (dataclasses.replace(SCORE, two_sided=True), ("l2-sigma1.5-z-top0.05",)),
        (dataclasses.replace(SCORE, combine=["latent", "l1-mean"]), ("l1-mean", "latent")),
    ],
)
def test_components_are_what_a_score_is_made_of(score, components):
    assert score.components == components
    assert score.base == SCORE
    assert score.map_name == "l2-sigma1.5"

"""Which runs are the same model."""

from __future__ import annotations

import pytest

from imgae_monai.report.seed_groups import seed_groups
from tests.report.made_up import made_up, of_run


def groups(*evaluations):
    return [(group.name, group.members, group.seeds) for group in seed_groups(evaluations)]


def test_runs_that_differ_in_the_seed_only_are_one_model():
    a1, b, a0 = of_run("a-seed1", seed=1), of_run("b", bundle="other"), of_run("a-seed0", seed=0)
    assert groups(a1, b, a0) == [("a", (2, 0), (0, 1)), ("b", (1,), (0,))]


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"latent_size": 4}},
        {"config": {"dataset_dir": "/other"}},
        {"bundle": "other"},
        {"score": {"residual": "ssim"}},
        {"specificity": 0.9},
    ],
)
def test_anything_else_makes_another_model(change):
    assert [members for _, members, _ in groups(of_run("a", seed=0), of_run("b", seed=1, **change))] == [(0,), (1,)]


@pytest.mark.parametrize("change", [{"bundle_root": "/elsewhere"}, {"output_dir": "/x"}, {"cache_dir": "/y"}])
def test_where_a_run_lies_does_not(change):
    assert len(groups(of_run("a", seed=0), of_run("b", seed=1, config=change))) == 1


def test_a_run_that_was_repeated_is_no_second_seed():
    found = groups(of_run("a", seed=0), of_run("a-reproduced", seed=0))
    assert [members for _, members, _ in found] == [(0,), (1,)]


def test_what_was_trained_elsewhere_stands_alone():
    assert groups(made_up("x"), made_up("y")) == [("x", (0,), (None,)), ("y", (1,), (None,))]


def test_two_models_do_not_share_a_name():
    runs = [of_run(f"run-seed{i}", seed=i % 2, bundle=f"bundle {i // 2}") for i in range(4)]
    names = [name for name, _, _ in groups(*runs)]
    assert names[0] == "run"
    assert len({*names}) == 2

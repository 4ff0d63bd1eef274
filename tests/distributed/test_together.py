"""Parts that several processes take part in, in one launch of two; see together.py for what they do."""

from __future__ import annotations

import json

import pytest

from .conftest import finish


@pytest.fixture(scope="module")
def found(torchrun, tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("together")
    finish(torchrun("-m", "tests.distributed.together", folder))
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_only_the_first_process_writes_also_when_it_has_left(found):
    assert [part["first"] for part in found] == [part["still_first"] for part in found] == [True, False]
    assert all(part["left"] for part in found)


def test_the_first_process_has_the_seed_itself(found):
    assert found[0]["seed"] == 5 != found[1]["seed"]


def test_states_of_unequal_size_are_gathered_in_order(found):
    whole = [{"rank": 0, "values": [0.5], "t": []}, {"rank": 1, "values": [0.5, 0.5], "t": [2]}]
    assert found[0]["gathered"] == found[1]["gathered"] == whole


def test_extremes_are_agreed(found):
    assert [(part["smallest"], part["largest"]) for part in found] == [(10, 11), (10, 11)]


def test_shares_are_apart_and_padded_for_training_only(found):
    assert found[0]["shares"] == [["a", "c", "e"], ["a", "c", "e"]]
    assert found[1]["shares"] == [["b", "d", "a"], ["b", "d"]]


def test_fewer_images_than_processes_are_refused(found):
    assert found[0]["too_few"] == "1 image(s) can't be shared by 2 processes: start fewer"


def test_another_data_list_in_another_process_is_refused_everywhere(found):
    message = "here is not the same data in process 1 as in process 0: give every machine the same images "
    message += "under the same paths"
    assert [part["other_order"] for part in found] == [message, message]


def test_images_that_any_process_left_out_are_listed_in_all(found):
    assert found[0]["skipped"] == found[1]["skipped"] == ["0.png", "1.png"]


def test_auroc_counts_every_image_of_all_processes_once(found):
    # of the four pairs of abnormal and normal, 0.35 is below 0.4
    assert [part["auroc"] for part in found] == [0.75, 0.75]


def test_a_signal_to_one_process_ends_both_after_the_same_step(found):
    assert [part["stopped"] for part in found] == [[3, 15], [3, 15]]


@pytest.mark.parametrize("network", ["unet", "introspective"])
def test_a_step_is_that_of_one_process_with_the_joint_batch(found, network):
    # batch norm over both included; 1 is the largest change of a weight or a running statistic
    assert found[0][network] < 1e-5
    assert found[0][f"{network}_after"] == found[1][f"{network}_after"]
    assert found[0][f"{network}_keys"]
    assert found[0][f"{network}_tracked"] == 1.0


def test_batches_of_several_sizes_over_steps_and_processes_make_one_mean(found):
    assert found[0]["accumulated"] < 1e-5

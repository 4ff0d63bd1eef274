from __future__ import annotations

import pytest

from imgae_monai.data import PartPlan
from imgae_monai.exceptions import InputError


@pytest.fixture
def listed(tmp_path):
    """A list of ten images that nothing opens."""
    path = tmp_path / "list.txt"
    path.write_text("".join(f"{i}.png\n" for i in range(10)))
    return path


def plan(listed, rank=0, world_size=1, **sizes) -> PartPlan:
    sizes = {"part_size": 3, "batch_size": 3, **sizes}
    return PartPlan(listed, listed.parent / "out", rank=rank, world_size=world_size, **sizes)


def names(plan: PartPlan) -> list[str]:
    items = plan.items
    assert [item["image"] for item in items] == [item["image_path"] for item in items]
    assert [item["image"] for item in items] == [plan.images[item["index"]]["image"] for item in items]
    return [item["image"].rpartition("/")[2].removesuffix(".png") for item in items]


def write(plan: PartPlan, part: int) -> None:
    plan.path(part).parent.mkdir(parents=True, exist_ok=True)
    plan.path(part).touch()


def test_parts_follow_the_list_and_the_last_has_what_is_left(listed):
    whole = plan(listed)
    assert whole.n_parts == 4
    assert [list(whole.images_of(part)) for part in range(4)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    assert names(whole) == list("0123456789")
    assert whole.items[2:4] == [whole.items[2], whole.items[3]]
    with pytest.raises(IndexError):
        whole.items[10]
    assert whole.path(2).name == "part-00002.csv"


@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 7])
def test_ranks_share_the_list_without_rest_and_without_repetition(listed, world_size):
    shares = [names(plan(listed, rank, world_size)) for rank in range(world_size)]
    assert sorted(name for share in shares for name in share) == list("0123456789")
    assert shares[0][:3] == ["0", "1", "2"]


@pytest.mark.parametrize("before", [1, 2, 3])
@pytest.mark.parametrize("after", [1, 2, 5])
def test_another_number_of_ranks_goes_on_with_what_is_missing(listed, before, after):
    """Every rank but the first has written its parts, and the first one its first."""
    for rank in range(before):
        share = plan(listed, rank, before)
        for part in share.pending[: None if rank else 1]:
            write(share, part)
    done = {part for part in range(4) if plan(listed).path(part).is_file()}
    shares = [plan(listed, rank, after).pending for rank in range(after)]
    assert sorted([*done, *(part for share in shares for part in share)]) == [0, 1, 2, 3]


def test_what_is_pending_is_decided_once_and_what_is_missing_is_looked_up(listed):
    whole = plan(listed)
    assert whole.pending == whole.missing() == [0, 1, 2, 3]
    write(whole, 1)
    assert (whole.pending, whole.missing()) == ([0, 1, 2, 3], [0, 2, 3])
    assert names(plan(listed)) == list("0126789")


def test_nothing_is_pending_where_there_are_more_ranks_than_parts(listed):
    idle = plan(listed, 6, 7)
    assert idle.pending == []
    assert len(idle.items) == 0


def test_rank_and_number_of_ranks_come_from_torchrun(listed, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert PartPlan(listed, listed.parent, part_size=3).pending == [1, 3]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"part_size": 1000, "batch_size": 16}, r"multiple of batch_size \(16\), got 1000: take 992"),
        ({"part_size": 4, "batch_size": 16}, r"multiple of batch_size \(16\), got 4: take 16"),
        ({"part_size": 0}, "got 0: take 3"),
        ({"rank": 2, "world_size": 2}, "rank must be from 0 to world_size - 1, got 2 of 2"),
    ],
)
def test_sizes_out_of_range_are_refused(listed, wrong, message):
    with pytest.raises(InputError, match=message):
        plan(listed, **wrong)


def test_an_unknown_table_is_refused_and_parquet_without_pyarrow(listed, monkeypatch):
    with pytest.raises(ValueError, match="parquet"):
        plan(listed, table="parqet")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs pyarrow: pip install 'imgae_monai\[parquet\]', or take --table csv"):
        plan(listed, table="parquet")

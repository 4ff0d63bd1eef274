from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator
from monai.transforms import Compose
from PIL import Image
from torch import nn

from imgae_monai.data import PartPlan, ScoringTransform
from imgae_monai.data.row_table import read_rows
from imgae_monai.exceptions import InputError
from imgae_monai.handlers import PartWriter
from imgae_monai.transforms import AnomalyScored, LoadGrayscaled, ResidualMapd
from tests.handlers.test_prediction_writer import CALIBRATION

GREYS = (0, 128, 127, 255, 40)


@pytest.fixture
def listed(tmp_path) -> Path:
    """Five grey images; the network gives 0, so that grey / 255 is the score."""
    lines = ["image,label,patient_id,split"]
    for i, grey in enumerate(GREYS):
        Image.new("L", (6, 6), grey).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{i % 2},p{i},test")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    return tmp_path / "list.csv"


def score(listed: Path, unreadable: str = "fail", calibration=CALIBRATION, shuffle=False, **sizes) -> PartPlan:
    plan = PartPlan(listed, listed.parent / "out", part_size=2, batch_size=2, **sizes)
    plan.path(0).parent.mkdir(parents=True, exist_ok=True)
    network = nn.Conv2d(1, 1, 1)
    nn.init.zeros_(network.weight)
    nn.init.zeros_(network.bias)
    data = Dataset(plan.items, ScoringTransform(Compose([LoadGrayscaled()]), 6, unreadable=unreadable))
    evaluator = SupervisedEvaluator(
        device="cpu",
        val_data_loader=DataLoader(data, batch_size=2, shuffle=shuffle),
        network=network,
        postprocessing=Compose([ResidualMapd(), AnomalyScored()]),
        val_handlers=[PartWriter(plan, calibration)],
    )
    evaluator.run()
    return plan


def test_each_part_has_the_rows_of_its_images(listed):
    plan = score(listed)
    rows = [read_rows(plan.path(part)) for part in range(3)]
    assert [len(part) for part in rows] == [2, 2, 1]
    for i, row in enumerate(row for part in rows for row in part):
        assert row.pop("score") == pytest.approx(GREYS[i] / 255, rel=1e-6)
        assert row == {
            **{"image": str(listed.parent / f"{i}.png"), "label": i % 2, "patient_id": f"p{i}", "split": "test"},
            **{"decision": int(GREYS[i] > 127.5), "threshold": 0.5, "synthetic": 0, "unreadable": None},
        }


def test_a_score_at_the_threshold_is_normal(listed):
    first = score(listed)
    at = read_rows(first.path(0))[1]["score"]
    for path in first.path(0).parent.iterdir():
        path.unlink()
    plan = score(listed, calibration=dataclasses.replace(CALIBRATION, threshold=at))
    assert [row["decision"] for part in range(3) for row in read_rows(plan.path(part))] == [0, 0, 0, 1, 0]


def test_only_what_is_missing_is_written(listed):
    plan = score(listed)
    before = {part: plan.path(part).read_bytes() for part in range(3)}
    plan.path(0).write_bytes(b"left as it is")
    plan.path(1).unlink()
    plan.path(2).unlink()
    score(listed)
    assert plan.path(0).read_bytes() == b"left as it is"
    assert [plan.path(part).read_bytes() for part in (1, 2)] == [before[1], before[2]]


def test_an_unreadable_image_has_a_row_that_says_why_and_changes_no_other(listed):
    whole = score(listed)
    before = [read_rows(whole.path(part)) for part in range(3)]
    for part in range(3):
        whole.path(part).unlink()
    spoilt = [listed.parent / f"{i}.png" for i in (2, 4)]  # one of a batch, and all of one
    for path in spoilt:
        path.write_bytes(path.read_bytes()[:40])
    plan = score(listed, "row")
    rows = [read_rows(plan.path(part)) for part in range(3)]
    assert rows[0] == before[0]
    assert rows[1][1] == before[1][1]
    for row, path in ((rows[1][0], spoilt[0]), (rows[2][0], spoilt[1])):
        assert (row["image"], row["score"], row["decision"]) == (str(path), None, None)
        assert row["unreadable"].startswith(f"cannot read {path}")


def test_an_unreadable_image_ends_it_and_leaves_whole_parts_only(listed):
    (listed.parent / "3.png").unlink()
    with pytest.raises(RuntimeError):
        score(listed)
    assert [path.name for path in (listed.parent / "out" / "parts").iterdir()] == ["part-00000.csv"]


def test_a_score_that_is_not_finite_is_no_normal_image(listed, monkeypatch):
    monkeypatch.setattr(AnomalyScored, "__call__", lambda self, data: {**data, "score": np.nan})
    with pytest.raises(InputError, match=r"0\.png has the score nan"):
        score(listed)
    assert list((listed.parent / "out" / "parts").iterdir()) == []


def test_a_loader_that_changes_the_order_is_found_out(listed, monkeypatch):
    monkeypatch.setattr("torch.utils.data.RandomSampler.__iter__", lambda self: iter([1, 0, 2, 3, 4]))
    with pytest.raises(RuntimeError, match="the loader gave image 1 in the place of 0"):
        score(listed, shuffle=True)


def test_drawn_images_are_told(listed):
    (listed.parent / "synthetic.json").write_text("{}")
    assert {row["synthetic"] for row in read_rows(score(listed).path(1))} == {1}

"""Scores of any tool, and what is wrong with a file of them."""

from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.exceptions import InputError
from imgae_monai.report import read_scores_file


def written(folder, text):
    path = folder / "scores.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_in_any_order_with_others_among_them(tmp_path):
    text = "score,ward,patient_id,label,image\n0.5,A,p1,0,a.png\n\n1e3,B,p1,1.0,b.png\n-2,,07,1,c.png\n"
    table = read_scores_file(written(tmp_path, text))
    assert table.images == ("a.png", "b.png", "c.png")
    assert table.patient_ids == ("p1", "p1", "07")
    assert table.labels.tolist() == [0, 1, 1]
    assert table.scores.tolist() == [0.5, 1000.0, -2.0]
    assert table.decisions is None
    assert table.probabilities is None


def test_a_threshold_makes_decisions_row_by_row(tmp_path):
    text = "image,label,patient_id,score,threshold\na,0,p,0.5,0.5\nb,1,q,0.6,0.5\nc,1,r,0.6,0.7\n"
    table = read_scores_file(written(tmp_path, text))
    assert table.decisions.tolist() == [0, 1, 0]
    assert table.threshold is None


@pytest.mark.parametrize(("decisions", "threshold"), [("", 0.5), (",0;,1;,0", 0.5), (",1;,1;,0", None)])
def test_one_threshold_is_kept_where_it_made_the_decisions(decisions, threshold, tmp_path):
    rows = ["a,0,p,0.5,0.5", "b,1,q,0.6,0.5", "c,1,r,0.4,0.5"]
    ends = decisions.split(";") if decisions else ["", "", ""]
    header = f"image,label,patient_id,score,threshold{',decision' if decisions else ''}"
    text = "\n".join([header, *(row + end for row, end in zip(rows, ends, strict=True))])
    assert read_scores_file(written(tmp_path, text)).threshold == threshold


def test_a_decision_counts_before_a_threshold(tmp_path):
    text = "\ufeffimage,label,patient_id,score,threshold,decision,probability,view\na,0,p,0.5,0,0,0.25,PA\n"
    table = read_scores_file(written(tmp_path, text))
    assert table.decisions.tolist() == [0]
    assert table.probabilities.tolist() == [0.25]


HEADER = "image,label,patient_id,score"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column image, label, patient_id, score; it has no header"),
        ("image,label,score\na,0,1\n", "no column patient_id; .* repeat the image's name there"),
        ("image,label,patient_id,score,score\na,0,p,1,1\n", "column score more than once"),
        (f"{HEADER}\n", "has no rows"),
        (f"{HEADER}\na,0,p,1\nb,2,q,1\n", "line 3: label must be 0 .* got '2'"),
        (f"{HEADER}\na,normal,p,1\n", "line 2: label must be 0"),
        (f"{HEADER}\na,0,p,nan\n", "line 2: score must be a finite number, got 'nan'"),
        (f"{HEADER}\na,0,p,inf\n", "line 2: score must be a finite number, got 'inf'"),
        (f"{HEADER}\na,0,p,0;5\n", "line 2: score must be a finite number, got '0;5'"),
        (f"{HEADER}\na,0,,1\n", "line 2: patient_id is empty; where every image"),
        (f"{HEADER}\n,0,p,1\n", "line 2: image is empty"),
        (f"{HEADER}\na,0,p\n", r"line 2: expected 4 cells \(image, label, patient_id, score\), got 3"),
        (f"{HEADER}\na,0,p,1\nb,1,q,1\na,1,q,1\n", "a stands there again in row 3"),
        (f"{HEADER},probability\na,0,p,1,1.5\n", "line 2: probability must be a number from 0 to 1, got '1.5'"),
        (f"{HEADER},probability\na,0,p,1,nan\n", "line 2: probability must be"),
        (f"{HEADER},decision\na,0,p,1,yes\n", "line 2: decision must be 0"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read_scores_file(written(tmp_path, text))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_bytes(b"image,label,patient_id,score\n\xff\xfe\x00,0,p,1\n")
    with pytest.raises(InputError, match="give a CSV file in UTF-8"):
        read_scores_file(path)
    with pytest.raises(InputError, match="No such file"):
        read_scores_file(tmp_path / "none.csv")


def test_scores_come_back_to_the_bit(tmp_path):
    scores = np.random.default_rng(0).normal(size=50)
    rows = "".join(f"i{i},{i % 2},p{i},{score!r}\n" for i, score in enumerate(scores.tolist()))
    assert np.array_equal(read_scores_file(written(tmp_path, f"{HEADER}\n{rows}")).scores, scores)

from __future__ import annotations

from imgae_monai.report.choose import choose_images


def rows(*arguments, **named):
    return {choice.title.split(":")[0].split(",")[0]: choice.rows for choice in choose_images(*arguments, **named)}


def test_extremes_by_score_and_the_wrongest_of_either_class():
    labels = [0, 0, 0, 1, 1, 1]
    scores = [0.1, 0.9, 0.4, 0.2, 0.8, 0.7]
    found = rows(labels, scores, n_examples=2)
    assert found == {
        "Highest scores": (1, 4),
        "Lowest scores": (0, 3),
        "Wrongest normal images": (1, 2),
        "Wrongest abnormal images": (3, 5),
    }


def test_annotated_images_are_spread_over_their_scores():
    scores = [5.0, 1.0, 2.0, 3.0, 4.0, 9.0]
    assert rows([1] * 6, scores, annotated=[0, 1, 2, 3, 4], n_examples=3)["Annotated images"] == (1, 3, 0)
    assert rows([1] * 6, scores, annotated=[5], n_examples=3)["Annotated images"] == (5,)


def test_one_class_has_no_group_of_the_other():
    assert list(rows([0, 0], [0.1, 0.2])) == ["Highest scores", "Lowest scores", "Wrongest normal images"]


def test_ties_keep_their_order():
    assert rows([0, 0, 0], [1.0, 1.0, 1.0], n_examples=2)["Highest scores"] == (0, 1)

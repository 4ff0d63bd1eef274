from __future__ import annotations

import pytest

from imgae_monai.transforms import CLAHEd, ResizeKeepAspectd, before_resizing

RESIZE, CLAHE = ResizeKeepAspectd("image", 8, "pad"), CLAHEd("image")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([abs, RESIZE, CLAHE], [abs, round, RESIZE, CLAHE]),
        ([RESIZE, RESIZE], [round, RESIZE, RESIZE]),
        ([abs, CLAHE], [abs, round, CLAHE]),
        ([abs], [abs, round]),
        ([], [round]),
    ],
)
def test_the_place(given, expected):
    assert before_resizing(given, round) == expected
    assert round not in given

from __future__ import annotations

import pytest

from imgae_monai.metrics import holm_adjust


@pytest.mark.parametrize(
    ("p_values", "expected"),
    [
        # 4 x 0.005; 3 x 0.01; 2 x 0.03; then 1 x 0.04 is below the one before
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        # documentation of stdlib's padjust, a port of R's p.adjust: 0.957, 0.804, 0.957, 0.957, 0.565
        ([0.319, 0.201, 0.4, 0.374, 0.113], [0.957, 0.804, 0.957, 0.957, 0.565]),
        ([0.5, 0.6], [1, 1]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([0.0, 1.0], [0, 1]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_adjusted_p_values(p_values: list[float], expected: list[float]) -> None:
    assert holm_adjust(p_values) == pytest.approx(expected, abs=1e-12)


def test_an_undefined_test_is_not_counted() -> None:
    assert holm_adjust([0.03, None, 0.01]) == pytest.approx([0.03, None, 0.02])
    assert holm_adjust([None]) == [None]


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"p_values must lie between 0 and 1; got .* at index 1"):
        holm_adjust([None, bad])

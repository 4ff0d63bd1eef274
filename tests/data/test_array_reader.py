from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.data.array_reader import read_array
from imgae_monai.exceptions import UnreadableImage


@pytest.mark.parametrize("window", ["auto", "percentile", "full"])
def test_fractions_are_taken_as_they_are(window):
    """They are what read_image gives, whose window must not be applied twice."""
    values = np.array([[0.25, 0.5, 0.75]], dtype=np.float32)
    found = read_array(values, window)
    assert found.tolist() == [[0.25, 0.5, 0.75]]
    found[0, 0] = 1
    assert values[0, 0] == 0.25  # a copy


def test_bytes_are_divided_by_255_though_they_are_dark():
    np.testing.assert_allclose(read_array(np.array([[0, 51]], dtype=np.uint8)), [[0, 0.2]], atol=1e-7)


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_other_values_by_their_percentiles(dtype):
    """Of 0 ... 1000 these are 5 and 995."""
    found = read_array(np.arange(1001, dtype=dtype)[None] - 1000)
    np.testing.assert_allclose(found[0, [0, 5, 500, 995, 1000]], [0, 0, 0.5, 1, 1], atol=1e-6)


def test_the_whole_range_where_it_is_asked_for():
    assert read_array(np.array([[10.0, 15.0, 20.0]]), "full").tolist() == [[0, 0.5, 1]]
    assert read_array(np.array([[51, 102]], dtype=np.uint8), "full").tolist() == [[0, 1]]


def test_a_frame_with_a_last_axis_is_columns_first():
    values = np.array([[[0.0], [0.25]], [[0.5], [0.75]], [[1.0], [0.1]]])  # 3 wide, 2 high
    np.testing.assert_allclose(read_array(values), [[0, 0.5, 1], [0.25, 0.75, 0.1]])


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (1, 2, 3, 1), (0, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(UnreadableImage, match=r"in memory of shape .*expected \(H, W\), or \(W, H, 1\)"):
        read_array(np.zeros(shape))


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(UnreadableImage, match="2 of its values are NaN or Inf"):
        read_array(np.array([[0.0, np.nan, np.inf]]))

from __future__ import annotations

import pytest

from imgae_monai.engines import check_intensity
from imgae_monai.exceptions import InputError


@pytest.mark.parametrize("options", [(0, 100, 0), (1.5, 99, 0.2), (0, 0.1, 3)])
def test_what_keeps_the_order_of_grey_values_passes(options):
    check_intensity(*options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((99, 1, 0), "must be 0 <= lower < upper <= 100, got 99 and 1"),
        ((5, 5, 0), "got 5 and 5"),
        ((-1, 99, 0), "got -1 and 99"),
        ((0, 101, 0), "got 0 and 101"),
        ((0, 100, -1), "gamma must be 0 or more, got -1"),
        ((0, 100, float("nan")), "gamma must be 0 or more, got nan"),
    ],
)
def test_what_would_turn_an_image_inside_out_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        check_intensity(*options)

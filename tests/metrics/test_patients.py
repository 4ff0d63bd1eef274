from __future__ import annotations

import numpy as np
import pytest

from imgae_monai.metrics.patients import patient_index


def test_patients_are_numbered_in_the_order_of_their_names() -> None:
    assert patient_index(["b", "a", "b", "c"], 4).tolist() == [1, 0, 1, 2]
    assert patient_index(np.array([7, 3, 7]), 3).tolist() == [1, 0, 1]
    assert patient_index(np.array([10, 9, 10]), 3).tolist() == [1, 0, 1]
    assert patient_index([10, "9", "10", 9], 4).tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("numbers", "dtype"),
    [
        ([5, -3, 5, 0], np.int64),
        ([10**12, 3], np.int64),
        ([2**63 + 1, 2**63, 2**63 + 1], np.uint64),
        ([7, 200, 7, 255], np.uint8),
        ([*range(100, -100, -1)], np.int8),
        ([], np.int64),
    ],
)
def test_an_array_of_numbers_is_ranked_however_far_apart_they_are(numbers, dtype):
    expected = [sorted(set(numbers)).index(number) for number in numbers]
    assert patient_index(np.array(numbers, dtype=dtype), len(numbers)).tolist() == expected


@pytest.mark.parametrize("missing", [None, "", float("nan")])
def test_a_missing_patient_is_refused(missing: object) -> None:
    with pytest.raises(ValueError, match=r"patient_ids must not be missing; got .* at index \[1\]"):
        patient_index(["a", missing], 2)


def test_one_id_a_score() -> None:
    with pytest.raises(ValueError, match="patient_ids must have one entry per score; got 1 for 2 scores"):
        patient_index(["a"], 2)

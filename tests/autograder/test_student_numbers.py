"""A learner's function may return numbers as a list, a tuple or an array: the child hands them on as numbers."""

import numpy as np
import pytest

from autograder import student_child
from autograder.student_code import Answer


@pytest.mark.parametrize(
    ("result", "type_name", "values"),
    [
        ([1, 2, 3], "list", [1, 2, 3]),
        ((0.5, 2), "tuple", [0.5, 2]),
        (np.array([1, 2], dtype=np.uint64), "ndarray", [1, 2]),
        (np.float64(0.25), "float64", [0.25]),
        ([], "list", []),
        ([[1], [2]], "list", []),
        (["a"], "list", []),
        ([10**400], "list", []),
        ({1, 2}, "set", []),
        (np.ones((2, 2)), "ndarray", []),
        ([1] * (student_child.LARGEST_TENSOR + 1), "list", []),
    ],
    ids=lambda value: str(value)[:30],
)
def test_flat_numbers_are_handed_on(result, type_name, values):
    answer = Answer.model_validate(student_child._encode(result))
    assert (answer.kind, answer.type_name, answer.values) == ("object", type_name, values)

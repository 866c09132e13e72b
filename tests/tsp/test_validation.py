"""Values are returned in plain form, or refused in one sentence that names the field and what was expected."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from tsp.validation import flag, items, number_array, real_number, shown, text, texts, whole_array, whole_number

NO_NUMBERS = [None, True, np.True_, "5", b"5", "", [], [1], {}, 1j, float("nan"), np.nan, np.array([1, 2]), object]


@pytest.mark.parametrize("value", [2, 2.0, np.int8(2), np.uint64(2), np.float32(2), np.array(2), np.array(2.0)])
def test_a_whole_number_of_any_type_is_a_plain_int(value):
    found = whole_number(value, "end", least=0, most=2)
    assert (found, type(found)) == (2, int)


@pytest.mark.parametrize("value", [*NO_NUMBERS, 1.5, np.float64(1.5), -1, 3, float("inf"), 10**400])
def test_what_is_no_whole_number_within_the_limits_is_refused(value):
    with pytest.raises(ValueError, match=r"^end: .*, expected a node$") as refusal:
        whole_number(value, "end", least=0, most=2, expected="a node")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("value", [2, 2.5, Fraction(5, 2), np.float32(2.5), np.int64(2), np.array(2.5)])
def test_a_real_number_of_any_type_is_a_plain_float(value):
    found = real_number(value, "load", least=0.0, expected="a number")
    assert (found, type(found)) == (float(value), float)


@pytest.mark.parametrize("value", [*NO_NUMBERS, -1e-9, float("inf"), -float("inf"), 10**400])
def test_what_is_no_real_number_within_the_limits_is_refused(value):
    with pytest.raises(ValueError, match=r"^load: .*, expected a number$"):
        real_number(value, "load", least=0.0, most=1e100, expected="a number")


@pytest.mark.parametrize("value", [None, 0, 1, "yes", np.float64(1)])
def test_a_flag_is_true_or_false_and_nothing_else(value):
    assert flag(np.True_, "free_start") is True
    with pytest.raises(ValueError, match=r"free_start: .*, expected True or False"):
        flag(value, "free_start")


def test_a_text_is_a_str_and_a_long_value_is_cut_in_the_message():
    assert type(text(np.str_("a"), "name")) is str
    with pytest.raises(ValueError, match=r"name: b'x{58}…, expected a text$"):
        text(b"x" * 999, "name")


def test_a_value_of_several_lines_is_shown_in_one():
    assert shown(np.zeros((2, 1))) == "array([[0.],        [0.]])"


def test_items_are_those_of_a_collection_and_a_text_is_none():
    assert items(np.array([1, 2]), "visited", "nodes") == (1, 2)
    for value in ("12", b"12", 12, None, np.array(12)):
        with pytest.raises(ValueError, match=r"visited: .*, expected nodes"):
            items(value, "visited", "nodes")


def test_texts_are_one_for_each_node():
    assert texts(np.array(["a", "b"]), "names", 2) == ("a", "b")
    with pytest.raises(ValueError, match=r"^names\[1\]: 7, expected a text$"):
        texts(["a", 7], "names", 2)
    with pytest.raises(ValueError, match=r"^names: 1 for 2 nodes$"):
        texts(["a"], "names", 2)


@pytest.mark.parametrize("values", [[1, 2], [True, False], [Fraction(1, 2), 1], [10**30, 1], torch.tensor([1.0])])
def test_an_array_of_numbers_is_a_float64_copy(values):
    assert number_array(values, "prizes").tolist() == [float(value) for value in values]


@pytest.mark.parametrize(
    "values",
    [
        ["1", "2"],
        ["a"],
        [1, "2"],
        [[1, 2], [3]],
        [1j],
        np.array(["2024-01-01"], "datetime64[D]"),
        {1: 2},
        {1},
        [[[]], 1],
    ],
)
def test_what_is_no_array_of_numbers_is_refused(values):
    with pytest.raises(ValueError, match=r"^prizes: expected an array of numbers$"):
        number_array(values, "prizes")


def test_none_in_an_array_is_no_number():
    assert np.isnan(number_array([None, 1], "prizes")[0])


@pytest.mark.parametrize(
    "values", [[[0, 1.5]], [["0", "1"]], [[True, False]], [[0, np.nan]], [[0], [1, 2]], [[0, None]]]
)
def test_an_array_of_whole_numbers_is_never_rounded(values):
    assert whole_array([[0.0, 1.0]], "fixed_edges", "pairs").dtype == np.int64
    with pytest.raises(ValueError, match=r"^fixed_edges: expected pairs$"):
        whole_array(values, "fixed_edges", "pairs")

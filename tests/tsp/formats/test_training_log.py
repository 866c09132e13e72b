"""The log of a training run: what is read, and what is refused with its place."""

import math

import pytest

from tsp.formats.training_log import read_training_log

HEADER = "step,seconds,val/objective\n"


def test_each_line_has_its_values_by_column(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_bytes(b"\xef\xbb\xbfstep,seconds,val/objective\r\n0,0,9.5\r\n\r\n5,60.5,nan\r\n7,90,\r\n")
    first, second, third = read_training_log(path)
    assert first == {"step": 0, "seconds": 0, "val/objective": 9.5}
    assert second["seconds"] == 60.5
    assert math.isnan(second["val/objective"])
    assert math.isnan(third["val/objective"])


def test_a_last_line_that_is_not_finished_is_left_out(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(f"{HEADER}0,0,9.5\n5,6")
    assert [row["step"] for row in read_training_log(path)] == [0]
    path.write_text("")
    assert read_training_log(path) == []
    path.write_text(HEADER)
    assert read_training_log(path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("foo,bar\n1,2\n", ":1: columns 'foo, bar', expected different names with seconds among them"),
        ("seconds,a,a\n1,2,3\n", ":1: columns 'seconds, a, a', expected different names with seconds among them"),
        (f"{HEADER}0,0,9\n1,x,9\n", ":3: column seconds: 'x', expected a number"),
        (f"{HEADER}0,0,9\n\n1,1,nine\n", ":4: column val/objective: 'nine', expected a number"),
        (f"{HEADER}0,0\n", ":2: 2 cells, expected 3"),
        (f"{HEADER}0,0,9,9\n", ":2: 4 cells, expected 3"),
        (f"{HEADER}0,,9\n", ":2: column seconds: nan, expected a number of 0 or more"),
        (f"{HEADER}0,-1,9\n", ":2: column seconds: -1, expected a number of 0 or more"),
        (f"{HEADER}0,inf,9\n", ":2: column seconds: inf, expected a number of 0 or more"),
        (HEADER + '"' + "x" * 140_000 + '",0,0\n', ":2: not readable as CSV"),
        (b"\xff\n", ": byte 0 is not UTF-8, expected a text in UTF-8"),
    ],
)
def test_what_is_no_log_is_refused_with_its_place(tmp_path, content, message):
    path = tmp_path / "metrics.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match="metrics") as refusal:
        read_training_log(path)
    assert str(refusal.value).startswith(f"{path}{message}")
    assert "\n" not in str(refusal.value)

"""`-` in the place of a file: standard input, in a format that is given or recognized."""

import io
import json
from pathlib import Path

import pytest
from command_line import BERLIN, refusal, solved

CSV = "name,x,y\nHub,0,0\nAda,3,0\nBen,0,4\n"
GEOJSON = json.dumps({"type": "MultiPoint", "coordinates": [[8, 50], [8, 51], [9, 50]]})
FAST = ("--solver", "nearest", "--json")


@pytest.fixture
def given(monkeypatch):
    def give(text):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return give


@pytest.mark.parametrize(
    ("text", "words", "nodes"),
    [
        (CSV, ("--format", "csv"), 3),
        (CSV, (), 3),
        (Path(BERLIN).read_text(), ("--format", "tsplib"), 52),
        (Path(BERLIN).read_text(), (), 52),
        (GEOJSON, ("--format", "json"), 3),
        (GEOJSON, (), 3),
        ("[[0, 1], [1, 0]]", ("--format", "json"), 2),
    ],
)
def test_standard_input_is_solved_in_each_format(tsp, given, text, words, nodes):
    given(text)
    assert solved(tsp("solve", "-", *words, *FAST))["size"] == nodes


def test_the_instance_is_named_after_it(tsp, given):
    given(CSV)
    assert solved(tsp("solve", "-", *FAST))["instance"] == "stdin"


def test_compare_check_and_plot_read_it_too(tsp, given, tmp_path):
    (tmp_path / "plan.csv").write_text("name\nHub\nBen\nAda\n")
    given(CSV)
    assert "length 12" in tsp("check", "-", "plan.csv")[1]
    given(CSV)
    assert tsp("plot", "-", "--out", "points.svg")[0] == 0
    given(CSV)
    assert json.loads(tsp("compare", "-", "--solvers", "nearest", "--json")[1])["rows"][0]["mean_objective"] == 12


def test_messages_call_it_standard_input(tsp, given):
    given("name,x,y\nHub,0,zero\n")
    assert "standard input:2: column y: 'zero', expected" in refusal(tsp("solve", "-", "--format", "csv"))
    given("name,x,y,speed\nHub,0,0,7\nAda,1,1,8\n")
    _, _, err = tsp("solve", "-", "--format", "csv", *FAST)
    assert "note: standard input: nothing reads column 'speed'" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("solve", BERLIN, "--format", "csv"), "--format csv: of standard input, expected - as the file"),
        (("solve", "-", "-"), "-: given twice, expected standard input once"),
        (("solve", "-", "--out", "answers/"), "-: expected files that can be read again"),
        (("compare", "--size", "5", "--format", "csv"), "--format: describes what is read, expected files"),
        (("solve", "-"), "standard input:1: the file is empty"),
    ],
)
def test_what_cannot_be_is_refused(tsp, given, words, sentence):
    given("")
    assert sentence in refusal(tsp(*words))

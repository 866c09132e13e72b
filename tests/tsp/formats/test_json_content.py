"""JSON files with other content are refused with a description of it."""

import json

import pytest

from tsp.formats import read, read_solution
from tsp.instance import Instance

SQUARE = Instance([[0, 0], [0, 1], [1, 1], [1, 0]], name="square")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"vehicles": [], "jobs": [{"id": 1}]}, "an input of VROOM with 'vehicles', 'jobs'"),
        ({"rows": [], "reference": "x", "version": "1"}, "a comparison of solvers with 'rows', 'reference', 'version'"),
        ({"type": "Topology", "arcs": []}, "an object of type 'Topology' with 'type', 'arcs'"),
        ({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6}, "an object with 'a', 'b', 'c', 'd', 'e', …"),
        ({}, "an empty object"),
        ("hello", "only 'hello'"),
        (None, "only 'None'"),
    ],
)
def test_json_of_another_kind_is_named_as_instance_and_as_solution(write, content, what):
    path = write(json.dumps(content), "a.json")
    for reader, expected in (
        (lambda: read(path), "expected an instance, such as points in GeoJSON"),
        (lambda: read_solution(path, SQUARE), "no solutions with instance and tours"),
    ):
        with pytest.raises(ValueError, match=rf"a\.json: holds {what}, {expected}"):
            reader()


def test_broken_json_is_refused_with_its_line(write):
    with pytest.raises(ValueError, match=r"a\.json:2: not JSON"):
        read(write('{"type":\n nothing}', "a.json"))


@pytest.mark.parametrize(
    "content", ["[[0, 1e999], [1, 0]]", "[[0, -1e400], [1, 0]]", '{"matrix": [[0, 1], [1e309, 0]]}']
)
def test_a_number_that_is_too_large_is_refused_and_not_a_missing_road(write, content):
    with pytest.raises(ValueError, match=r"a\.json: number '-?1e\d+' is too large, expected a finite number"):
        read(write(content, "a.json"))
    assert read(write("[[0, Infinity], [1e99, 0]]", "a.json"))[0].matrix.tolist() == [[0, float("inf")], [1e99, 0]]

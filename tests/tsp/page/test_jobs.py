"""What the page's processes do, in this process."""

import base64
import json
import re
from itertools import pairwise

import pytest
from pages import generated

from tsp.composition import limits_of, problem_of, reads
from tsp.formats import read
from tsp.instance import LIMITS
from tsp.page import jobs
from tsp.page.app import STATIC
from tsp.page.fields import Fields
from tsp.page.limits import DISTRIBUTIONS, MOST_MATRIX_NODES
from tsp.problems import PROBLEMS
from tsp.solution import check


def silent(content):
    """Drop what a job sends."""


def made(request):
    return jobs.make_instance(silent, Fields(request))


def uploaded(name, text, problem=None):
    content = base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()
    return {"problem": problem, "source": {"kind": "file", "name": name, "content": content}}


def solved(blob, spec="nearest", seconds=0.2):
    events = []
    return jobs.solve(events.append, blob, spec=spec, seconds=seconds, seed=1), events


def test_the_distributions_are_those_of_the_generator():
    from envs.generators import GENERATORS

    assert set(DISTRIBUTIONS) == set(GENERATORS)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_problem_is_shown_as_plain_json(problem):
    view, _ = made(generated(problem))
    assert json.loads(json.dumps(view, allow_nan=False)) == view
    assert view["problem"] == problem
    assert len(view["points"]) == 2 * view["size"]
    assert view["can_live"] == bool(PROBLEMS[problem].reveals)


@pytest.mark.parametrize("problem", ["tsp", "cvrp", "optw", "opq"])
def test_points_get_what_the_problem_needs_besides(problem):
    points = [[0.1, 0.2], [0.9, 0.1], [0.5, 0.875], [0.25, 0.5]]
    view, blob = made({"problem": problem, "source": {"kind": "points", "points": points}})
    place = jobs.load_place(blob)[0]
    assert place.instance.coordinates.tolist() == points
    assert view["can_live"] == (problem == "opq")


def test_a_hall_has_walls_and_ways_around_them_as_long_as_its_distances():
    _, blob = made(generated(distribution="hall"))
    answer, _ = solved(blob)
    (way,) = answer["ways"]
    length = sum(
        abs(way[i] - way[i + 2]) + abs(way[i + 1] - way[i + 3]) for i in range(0, len(way) - 3, 2)
    )  # along the axes
    assert length == pytest.approx(answer["objective"], rel=1e-4)


def test_the_command_of_a_generated_instance_makes_it_again(tsp, tmp_path):
    view, blob = made(generated("op", distribution="hall", size=9))
    code, _, err = tsp(*view["command"][1:])
    assert code == 0, err
    (again,) = read(tmp_path / view["file"])
    assert again.fingerprint == jobs.load_place(blob)[0].instance.fingerprint


def test_limits_replace_those_of_the_instance():
    view, _ = made(generated("cvrp", limits={"capacity": 77.5}))
    assert view["limits"]["capacity"] == 77.5


@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_limit_that_the_page_offers_for_a_problem_is_taken(problem):
    view, _ = made(generated(problem))
    assert view["takes"] == list(limits_of(PROBLEMS[problem]))
    for limit in view["takes"]:
        changed, blob = made(generated(problem, limits={limit: 30}))
        assert changed["limits"][limit] == 30
        assert limit in reads(jobs.load_place(blob)[1])
        assert limit in changed["takes"]


def test_the_page_has_a_field_and_an_option_for_each_limit(tsp):
    text = (STATIC / "state.js").read_text(encoding="utf-8")
    fields = re.findall(r"(\w+): \"", text.split("export const LIMITS", 1)[1].split("}", 1)[0])
    assert sorted(fields) == sorted((*LIMITS, "num_tours"))
    _, out, _ = tsp("solve", "--help")
    assert [name for name in fields if f"--{name.replace('_', '-')} " not in out] == []


def test_demands_of_a_file_let_the_page_state_a_capacity():
    text = "name,x,y,demand\nhome,0,0,0\nnear,1,0,3\nfar,9,0,5\n"
    view, _ = made({**uploaded("vans.csv", text, problem="mtsp"), "limits": {"num_tours": 2}})
    assert "capacity" in view["takes"]


def test_what_is_sent_was_checked_and_only_gets_better():
    _, blob = made(generated(size=60))
    answer, events = solved(blob, "2opt")
    place, problem = jobs.load_place(blob)
    values = [event["objective"] for event in events if "objective" in event]
    assert values
    assert values == sorted(values, reverse=True)
    assert check(problem, place.instance, answer["tours"]).objective == answer["objective"] <= values[-1]


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({}, "source"),
        ({"source": {"kind": "magic"}}, "source.kind: 'magic'"),
        ({"problem": "tps", "source": {"kind": "generated"}}, "did you mean 'tsp'"),
        ({"problem": 3, "source": {"kind": "generated"}}, "problem"),
        ({"source": {"kind": "generated", "distribution": "unifrom"}}, "did you mean"),
        ({"source": {"kind": "generated", "size": 10**9}}, "source.size"),
        ({"source": {"kind": "generated", "size": True}}, "source.size"),
        ({"source": {"kind": "generated", "distribution": "hall", "size": MOST_MATRIX_NODES}}, "source.size"),
        ({"source": {"kind": "generated", "seed": -1}}, "source.seed"),
        ({"source": {"kind": "generated", "walls": 1}}, "source.walls: unknown field"),
        ({"source": {"kind": "points", "points": []}}, "0 points"),
        ({"source": {"kind": "points", "points": [[0, 0], [2, 0], [0, 1]]}}, r"source.points\[1\]: 2"),
        ({"source": {"kind": "points", "points": [[0, 0], "ab", [0, 1]]}}, r"source.points\[1\]"),
        ({"source": {"kind": "points", "points": [[0, 0], [0], [0, 1]]}}, r"source.points\[1\]: 1 numbers"),
        ({"source": {"kind": "file", "name": "a.csv", "content": "%%%"}}, "base64"),
        (uploaded("a.csv", "name,x,y\na,1,2\nb,two,3\n"), r"^a\.csv:3"),
        (uploaded("../../etc/passwd", "name,x,y\na,1,2\nb,two,3\n"), r"^passwd:3"),
        (uploaded("a.npz", b"PK\x03\x04junk"), r"^a\.npz"),
        ({**generated(), "limits": {"capacity": -1}}, "limits.capacity"),
        ({**generated(), "limits": {"speed": 1}}, "limits.speed: unknown field"),
        ({**generated(), "limits": {"capacity": 5}}, "capacity"),
    ],
)
def test_a_wrong_request_is_refused_by_its_field_or_line(request_, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        made(request_)
    assert "/tmp" not in str(caught.value)


def test_a_file_may_say_its_problem_and_its_names():
    text = "name,x,y,prize\nhome,0,0,0\nnear,1,0,3\nfar,9,0,5\n"
    request = {**uploaded("posters.csv", text), "limits": {"max_length": 4}}
    view, blob = made(request)
    assert view["problem"] == "op"
    assert view["names"] == ["home", "near", "far"]
    answer, _ = solved(blob, "insertion")
    assert answer["objective"] == 3
    assert answer["stops"] == [[0, 1, 0]]


@pytest.mark.parametrize("problem", ["tsp", "cvrp", "op", "pctsp"])
def test_a_policy_shows_its_probabilities_and_ends_with_a_checked_tour(problem):
    _, blob = made(generated(problem, size=9))
    events = []
    answer = jobs.steps(events.append, blob, spec="policy")
    steps = [event for event in events if "chosen" in event]
    for step in steps:
        shares = dict(step["ink"])
        assert shares[step["chosen"]] == max(shares.values())
        assert sum(shares.values()) <= 1.01
    assert answer["feasible"], answer["reasons"]
    place, found = jobs.load_place(blob)
    assert check(found, place.instance, answer["tours"]).objective == answer["objective"]


def test_a_solver_without_probabilities_is_refused():
    _, blob = made(generated())
    with pytest.raises(ValueError, match="no probabilities"):
        jobs.steps(silent, blob, spec="nearest")


def lived(blob, spec, visited=(), *, ends=False, seconds=0.05):
    return jobs.day(silent, blob, spec=spec, seconds=seconds, visited=list(visited), ends=ends, seed=1)


@pytest.mark.parametrize(("problem", "spec"), [("opq", "means"), ("opst", "means"), ("spctsp", "ls")])
def test_a_day_shows_only_what_she_has_seen_and_ends_with_its_real_value(problem, spec):
    _, blob = made(generated(problem, size=6))
    place, found = jobs.load_place(blob)
    visited = []
    for _ in range(20):
        now = lived(blob, spec, visited)
        assert set(map(int, now["revealed"])) == set(visited)
        if now["over"]:
            break
        visited = [*visited, now["plan"][0]]
    else:
        pytest.fail("the day does not end")
    real = check(found, place.instance, [[0, *visited]], realization=place.realization)
    assert now["collected"] == real.objective


def test_what_she_sees_does_not_depend_on_what_she_has_not_seen():
    _, blob = made(generated("opq", size=6))
    first = lived(blob, "means")["plan"][0]
    now = lived(blob, "means", [first])
    assert now["deciding"]
    assert now["stays"] == []
    assert lived(blob, "means", [first, first])["stays"] == [first]


def test_she_may_go_home_at_any_time():
    _, blob = made(generated("opq", size=6))
    now = lived(blob, "means", ends=True)
    assert now["over"]
    assert now["collected"] == 0


@pytest.mark.parametrize("visited", [[99], [1, 2, 1], [1, 1, 1]])
def test_visits_that_cannot_be_are_refused(visited):
    _, blob = made(generated("opq", size=6))
    with pytest.raises(ValueError, match=r"\w"):
        lived(blob, "means", visited)


def test_a_problem_that_hides_nothing_has_no_day():
    _, blob = made(generated())
    with pytest.raises(ValueError, match="hides nothing"):
        lived(blob, "ls")


@pytest.mark.parametrize("kind", ["csv", "json", "tour", "instance"])
def test_an_exported_file_is_read_again(kind, tmp_path):
    _, blob = made(generated(size=8))
    answer, _ = solved(blob)
    file = jobs.export(silent, blob, kind=kind, tours=answer["tours"])
    path = tmp_path / file["name"]
    path.write_bytes(base64.b64decode(file["content"]))
    place, problem = jobs.load_place(blob)
    if kind == "instance":
        (again,) = read(path)
        assert problem_of(again) == problem
        assert again.coordinates.tolist() == place.instance.coordinates.tolist()
        return
    from tsp.formats import read_plan

    assert check(problem, place.instance, read_plan(path, place.instance).tours).objective == answer["objective"]


@pytest.mark.parametrize("tours", [[], [[0, 1]], [["a"]], [[0, 10**30]], [0], [[[0]]], None])
def test_tours_that_break_a_rule_are_not_exported(tours):
    _, blob = made(generated(size=8))
    with pytest.raises(ValueError, match="tours"):
        jobs.export(silent, blob, kind="json", tours=tours)


def test_ways_lead_around_the_walls_of_a_file_beside():
    request = uploaded("room.csv", "name,x,y\na,0,0\nb,2,0\nc,1,5\n")
    request["source"]["walls"] = base64.b64encode(b"x1,y1,x2,y2\n1,-1,1,1\n").decode()
    view, blob = made(request)
    assert view["walls"] == [1, -1, 1, 1]
    answer, _ = solved(blob)
    (way,) = answer["ways"]
    corners = list(zip(way[::2], way[1::2], strict=True))
    assert (1, 1) in corners or (1, -1) in corners
    length = sum(((a - c) ** 2 + (b - d) ** 2) ** 0.5 for (a, b), (c, d) in pairwise(corners))
    assert length == pytest.approx(answer["objective"], rel=1e-6)


def test_walls_are_refused_by_their_line():
    request = uploaded("room.csv", "name,x,y\na,0,0\nb,2,0\nc,1,5\n")
    request["source"]["walls"] = base64.b64encode(b"x1,y1,x2,y2\n1,-1,1\n").decode()
    with pytest.raises(ValueError, match=r"^room\.walls\.csv:2"):
        made(request)

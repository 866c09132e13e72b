"""The page as it is served: a server in a process of its own, asked over the network."""

import json
import time
from urllib.request import Request, urlopen

import pytest
from pages import generated, post, served

pytest.importorskip("uvicorn", reason="the extra `page` is not installed")


@pytest.fixture(scope="module")
def address():
    with served() as (where, said):
        yield where
        assert [line for line in said if "Traceback" in line] == []


def events(address, name, body):
    """The kinds and contents of an answer's events."""
    request = Request(f"{address}api/{name}", json.dumps(body).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=120) as answer:
        kind = None
        for line in answer:
            text = line.decode().rstrip("\n")
            if text.startswith("event: "):
                kind = text[7:]
            elif text.startswith("data: "):
                yield kind, json.loads(text[6:])


def made(address, request):
    status, view = post(address, "instance", request)
    assert status == 200, view
    return view


def test_the_first_paint_waits_for_no_solver(address):
    start = time.perf_counter()
    with urlopen(address, timeout=10) as answer:
        assert b"Travelling Scientist" in answer.read()
        assert "default-src 'self'" in answer.headers["content-security-policy"]
    for name in ("main.js", "style.css", "map.js"):
        with urlopen(f"{address}static/{name}", timeout=10) as answer:
            assert answer.status == 200
    assert time.perf_counter() - start < 5


def test_better_solutions_are_events_and_the_last_is_the_answer(address):
    view = made(address, generated(size=40))
    found = list(events(address, "solve", {"instance": view["id"], "solver": "ls", "seconds": 0.3}))
    assert [kind for kind, _ in found][:3] == ["state", "state", "state"]
    assert found[-1][0] == "done"
    assert found[-1][1]["feasible"]
    assert [content["state"] for kind, content in found if kind == "state"] == ["waiting", "preparing", "running"]


def test_a_solver_that_cannot_is_refused_in_a_sentence(address):
    view = made(address, generated("op"))
    for spec, sentence in {"lkh(": "parenthesis", "sl": "unknown solver", "spacefilling": "does not support"}.items():
        found = list(events(address, "solve", {"instance": view["id"], "solver": spec, "seconds": 0.3}))
        assert found[-1][0] == "refused"
        assert sentence in found[-1][1]["error"]


def test_a_day_and_a_file_are_answers_in_json(address):
    view = made(address, generated("opq", size=6))
    status, now = post(address, "day", {"instance": view["id"], "visited": [], "solver": "means", "seconds": 0.1})
    assert (status, now["visited"]) == (200, [])
    status, file = post(address, "export", {"instance": view["id"], "kind": "instance"})
    assert (status, file["name"]) == (200, "uniform.npz")


@pytest.mark.parametrize(
    ("name", "body", "status", "sentence"),
    [
        ("solve", {"instance": "nobody", "solver": "ls"}, 404, "send it again"),
        ("solve", {}, 422, "instance: None"),
        ("solve", b"{", 422, "no JSON"),
        ("instance", b"[" * 10**6, 422, "no JSON"),
        ("instance", {"source": {"kind": "generated", "size": -1}}, 422, "source.size"),
        ("magic", {}, 404, ""),
    ],
)
def test_a_wrong_request_has_a_status_and_a_sentence(address, name, body, status, sentence):
    found, answer = post(address, name, body) if name != "magic" else (404, {"error": ""})
    assert found == status
    assert sentence in answer["error"]


@pytest.mark.parametrize("seconds", [0, -1, 1e9, "2", None, True])
def test_seconds_are_limited(address, seconds):
    view = made(address, generated())
    status, answer = post(address, "solve", {"instance": view["id"], "solver": "ls", "seconds": seconds})
    assert status == 422
    assert answer["error"].startswith("seconds: ")


def test_files_outside_the_page_are_not_served(address):
    for path in ("static/../app.py", "static/%2e%2e/app.py", "static//etc/passwd", "../../etc/passwd"):
        with pytest.raises(OSError, match="404"):
            urlopen(f"{address}{path}", timeout=10)


def test_the_work_of_a_reader_who_leaves_ends(address):
    view = made(address, generated(size=200))
    body = {"instance": view["id"], "solver": "ortools", "seconds": 60}
    for _ in range(3):  # more than there are workers
        for kind, _ in events(address, "solve", body):
            if kind == "found":
                break  # closes the connection
    start = time.perf_counter()
    found = list(events(address, "solve", {"instance": view["id"], "solver": "nearest", "seconds": 1}))
    assert found[-1][0] == "done"
    assert time.perf_counter() - start < 30  # not after the minutes that were asked for


def test_the_same_request_has_the_same_name(address):
    assert made(address, generated())["id"] == made(address, generated())["id"]

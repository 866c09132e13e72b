"""Workers of a Ray cluster with two processors on this machine. Slow, since Ray takes seconds to start."""

import os
import signal
from functools import partial

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install 'travelling-scientist[ray]'")

import ray

from tsp.workers import LostError
from tsp.workers.ray_cluster import QUIET, RayWorkers

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own warnings


def square(number):
    return number * number


def die_first(folder, number):
    path = folder / "tried"
    if number == 3 and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die(number):
    if number == 1:
        os._exit(1)
    return number


def refuse(number):
    raise ValueError(f"{number} is refused")


@pytest.fixture(scope="module")
def workers():
    ray.init("local", num_cpus=2, include_dashboard=False, **QUIET)
    with RayWorkers() as opened:
        yield opened
    ray.shutdown()


def test_there_are_as_many_workers_as_processors(workers):
    assert workers.count == 2
    assert RayWorkers(threads=2).count == 1
    with pytest.raises(ValueError, match="--threads 3: more than the processors of the Ray cluster"):
        RayWorkers(threads=3)


def test_each_argument_gives_a_result_with_its_position(workers):
    assert sorted(workers.run(square, range(5))) == [(i, i * i) for i in range(5)]


def test_nothing_is_lost_when_a_worker_is_killed(workers, tmp_path):
    assert sorted(workers.run(partial(die_first, tmp_path), range(6))) == [(i, i) for i in range(6)]
    assert (tmp_path / "tried").exists()


def test_a_task_that_kills_every_worker_is_lost_alone(workers):
    found = dict(workers.run(die, range(4), lost=lambda number: f"lost {number}"))
    assert found == {0: 0, 1: "lost 1", 2: 2, 3: 3}
    with pytest.raises(LostError):
        list(workers.run(die, range(4)))


def test_an_error_reaches_the_caller_as_it_was_raised(workers):
    with pytest.raises(ValueError, match="0 is refused"):
        list(workers.run(refuse, range(1)))
    assert dict(workers.run(square, [3])) == {0: 9}


@pytest.mark.parametrize(
    ("named", "place"), [("", "local"), ("host:6379", "host:6379"), ("ray://host:10001", "ray://host:10001")]
)
def test_a_cluster_is_joined_only_where_it_is_named(monkeypatch, named, place):
    """A killed cluster leaves a file with its address, in which Ray looks unless the place is given."""
    given = []
    monkeypatch.setenv("RAY_ADDRESS", named)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda place, **_: given.append(place))
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0})
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with RayWorkers() as opened:
        assert opened.count == 2
    assert given == [place]


@pytest.mark.parametrize(
    ("address", "variable", "source"),
    [
        (None, "", "--workers ray"),
        (None, "host:6379", "RAY_ADDRESS=host:6379"),
        ("ray://host:10001", "host:6379", "--workers ray://host:10001"),
    ],
)
def test_a_cluster_that_cannot_be_reached_is_named(monkeypatch, address, variable, source):
    def fail(place, **_):
        raise ConnectionError("nobody there")

    monkeypatch.setenv("RAY_ADDRESS", variable)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(ValueError, match=f"^{source}: no Ray cluster \\(nobody there\\)$"):
        RayWorkers(address)

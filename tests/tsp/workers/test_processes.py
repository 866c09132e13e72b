"""Workers that are processes: what is lost when one dies, what comes back, and in which order work is taken."""

import os
import sys
from functools import partial
from itertools import count

import pytest
from worker_tasks import begin, die, die_first, fail_to_begin, refuse, square, unpicklable

from tsp.workers import ATTEMPTS, LostError, ProcessWorkers, open_workers


@pytest.fixture(scope="module")
def workers():
    with ProcessWorkers(2) as opened:
        yield opened


def test_each_argument_gives_a_result_with_its_position(workers):
    found = dict(workers.run(square, range(5)))
    assert {i: result for i, (result, _) in found.items()} == {i: i * i for i in range(5)}
    assert os.getpid() not in {process for _, process in found.values()}


def test_workers_stay_for_the_next_run(workers):
    first = {process for _, (_, process) in workers.run(square, range(4))}
    again = {process for _, (_, process) in workers.run(square, range(4))}
    assert len(first | again) <= 2


def test_nothing_is_lost_when_a_worker_is_killed(workers, tmp_path):
    assert sorted(workers.run(partial(die_first, tmp_path), range(6))) == [(i, i) for i in range(6)]
    assert (tmp_path / "tried").exists()


def test_a_task_that_kills_every_worker_is_lost_alone(workers, tmp_path):
    found = dict(workers.run(partial(die, tmp_path), range(4), lost=lambda number: f"lost {number}"))
    assert found == {0: 0, 1: "lost 1", 2: 2, 3: 3}
    assert (tmp_path / "1").read_text() == "x" * ATTEMPTS


def test_a_lost_task_is_an_error_where_nothing_stands_for_it(workers, tmp_path):
    with pytest.raises(LostError, match="a worker process ended unexpectedly"):
        list(workers.run(partial(die, tmp_path), range(4)))
    assert dict(workers.run(square, [3]))[0][0] == 9  # others take over


def test_an_error_reaches_the_caller_and_the_workers_stay_usable(workers):
    with pytest.raises(ValueError, match="two is refused"):
        list(workers.run(refuse, range(5)))
    with pytest.raises(TypeError):
        list(workers.run(unpicklable, range(1)))
    assert sorted(i for i, _ in workers.run(square, range(3))) == [0, 1, 2]


def test_arguments_are_taken_only_when_a_worker_is_free(workers):
    taken = []

    def arguments():
        for number in count():  # without an end
            taken.append(number)
            yield number

    results = workers.run(square, arguments())
    for _ in range(6):
        next(results)
        # Two are worked on, and one may wait for a worker that starts.
        assert len(taken) <= 6 + 3
    results.close()


def test_each_worker_begins_once(tmp_path):
    with ProcessWorkers(2, partial(begin, tmp_path / "begun")) as workers:
        workers.start()
        list(workers.run(square, range(4)))
    assert (tmp_path / "begun").read_text() == "xx"


def test_what_a_worker_raises_at_its_beginning_reaches_the_caller():
    with ProcessWorkers(1, fail_to_begin) as workers, pytest.raises(ValueError, match="no such solver"):
        list(workers.run(square, range(2)))


def test_without_ray_the_package_to_install_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "tsp.workers.ray_cluster", raising=False)
    with pytest.raises(ValueError, match=r"--workers ray: needs the package 'ray', .*travelling-scientist\[ray\]"):
        open_workers("ray", 1)

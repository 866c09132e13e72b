"""Solving large sets part by part: what is written, what goes on after a stop, and what one bad instance costs."""

import json
import os
import signal
import sys
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from inline_workers import InlineWorkers

from tsp.budget import Budget
from tsp.formats import read
from tsp.shortcuts import solve
from tsp.streaming import Parts, Settings, open_sources, solve_files
from tsp.streaming import run as running
from tsp.streaming.sources import cut
from tsp.workers import ProcessWorkers

PLAIN = dict.fromkeys(("problem", "matrix", "unit", "speed", "walls"))
POINTS = np.random.default_rng(6).random((10, 5, 2))


def same(instance):
    return instance


SETTINGS = Settings("nearest", Budget(1.0), "cpu", same)


@pytest.fixture
def points(tmp_path):
    """A set of ten instances."""
    np.savez(tmp_path / "set.npz", coordinates=POINTS)
    return open_sources([str(tmp_path / "set.npz")], PLAIN)


def parts_in(folder, **asked):
    folder.mkdir(exist_ok=True)
    return Parts(folder, asked)


def finish(sources, parts, *, workers=None, size=3, strict=False, settings=SETTINGS):
    *_, last = solve_files(sources, settings, workers or InlineWorkers(), parts, size, strict=strict)
    return last.counts


def contents(folder):
    """The parts without the times, which differ from run to run."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("part-*.json"))]
    for content in found:
        for entry in content["solutions"]:
            del entry["seconds"]
    return found


def test_parts_hold_the_answers_of_one_machine_in_order(points, tmp_path):
    counts = finish(points, parts_in(tmp_path / "out"))
    assert (counts.solved, counts.infeasible, counts.failed) == (10, 0, 0)
    found = contents(tmp_path / "out")
    assert [(part["part"], part["first"], len(part["solutions"])) for part in found] == [
        (0, 0, 3), (1, 3, 3), (2, 6, 3), (3, 9, 1)
    ]  # fmt: skip
    entries = [entry for part in found for entry in part["solutions"]]
    expected = solve(read(tmp_path / "set.npz"), "nearest")
    assert [entry["instance"] for entry in entries] == [f"set[{k}]" for k in range(10)]
    assert [entry["objective"] for entry in entries] == [solution.objective for solution in expected]


@pytest.mark.parametrize("taken", range(5))
def test_a_stopped_run_goes_on_with_the_parts_that_are_missing(points, tmp_path, taken):
    finish(points, parts_in(tmp_path / "whole"))
    parts, workers = parts_in(tmp_path / "out"), InlineWorkers()
    states = solve_files(points, SETTINGS, workers, parts, 3, strict=False)
    for _ in range(taken + 1):  # the first state is that before the first part
        next(states)
    states.close()
    assert len(list((tmp_path / "out").glob("part-*"))) == taken
    again = InlineWorkers()
    counts = finish(points, parts, workers=again)
    assert counts.solved == 10
    assert len(again.sent) == 4 - taken
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_number_of_workers_and_the_size_of_parts_change_no_answer(points, tmp_path):
    settings = Settings("ls(kicks=3)", Budget(1.0, seed=4), "cpu", same)
    finish(points, parts_in(tmp_path / "a"), workers=InlineWorkers(1), size=10, settings=settings)
    finish(points, parts_in(tmp_path / "b"), workers=InlineWorkers(3), size=2, settings=settings)
    joined = [[entry for part in contents(tmp_path / name) for entry in part["solutions"]] for name in ("a", "b")]
    assert joined[0] == joined[1]


def test_a_broken_instance_is_reported_by_its_index_and_the_others_are_solved(tmp_path):
    broken = POINTS.copy()
    broken[4, 0, 0] = np.inf
    np.savez(tmp_path / "set.npz", coordinates=broken)
    sources = open_sources([str(tmp_path / "set.npz")], PLAIN)
    counts = finish(sources, parts_in(tmp_path / "out"))
    assert (counts.solved, counts.failed) == (9, 1)
    assert counts.examples[0].startswith("instance 4: ")
    (failure,) = contents(tmp_path / "out")[1]["failures"]
    assert (failure["index"], failure["instance"]) == (4, "set[4]")
    with pytest.raises(ValueError, match=r"instance 4: .*coordinates\[0, 0\]: inf"):
        finish(sources, parts_in(tmp_path / "strict"), strict=True)
    assert not (tmp_path / "strict" / "part-00001.json").exists()


def test_an_instance_that_a_solver_refuses_fails_alone(tmp_path, monkeypatch):
    def refuse(instances, *args, **kwargs):
        if any(instance.name == "set[7]" for instance in instances):
            raise ValueError("set[7]: too hard")
        return real(instances, *args, **kwargs)

    real = running.solve_all
    monkeypatch.setattr(running, "solve_all", refuse)
    np.savez(tmp_path / "set.npz", coordinates=POINTS)
    counts = finish(open_sources([str(tmp_path / "set.npz")], PLAIN), parts_in(tmp_path / "out"))
    assert (counts.solved, counts.failed, counts.examples) == (9, 1, ["instance 7: set[7]: too hard"])


def test_an_instance_without_a_feasible_solution_is_counted_and_kept(tmp_path):
    (tmp_path / "far.csv").write_text("x,y,opens,closes\n0,0,0,9\n5,0,0,1\n")
    counts = finish(open_sources([str(tmp_path / "far.csv")], PLAIN), parts_in(tmp_path / "out"),
                    settings=Settings("nearest-feasible", Budget(1.0), "cpu", same))  # fmt: skip
    assert (counts.solved, counts.infeasible, counts.failed) == (0, 1, 0)
    assert contents(tmp_path / "out")[0]["solutions"][0]["feasible"] is False


def test_a_part_that_kills_its_workers_fails_alone(points, tmp_path):
    counts = finish(points, parts_in(tmp_path / "out"), workers=InlineWorkers(deadly=1))
    assert (counts.solved, counts.failed) == (7, 3)
    assert counts.examples[0] == "instance 3: 3 workers in turn ended unexpectedly, perhaps out of memory"


def test_no_solver_of_that_name_ends_the_run(points, tmp_path):
    with pytest.raises(ValueError, match="unknown solver 'neerest'"):
        finish(points, parts_in(tmp_path / "out"), settings=Settings("neerest", Budget(1.0), "cpu", same))


def test_different_warnings_come_with_the_answers(points, monkeypatch):
    def warn(instances, *args, **kwargs):
        for text in ("slow", "odd", "slow"):
            warnings.warn(text, stacklevel=1)
        return real(instances, *args, **kwargs)

    real = running.solve_all
    monkeypatch.setattr(running, "solve_all", warn)
    (shard,) = cut(points, 10)
    assert running.solve_shard(SETTINGS, shard).notes == ("slow", "odd")


@pytest.mark.parametrize(
    ("seconds", "size"), [(2.0, 3), (0.1, 50), (0.01, 125), (1e-6, 1000)]
)  # of 1,000 instances and one worker
def test_a_part_takes_seconds_and_there_are_parts_for_all_workers(points, monkeypatch, seconds, size):
    monkeypatch.setattr(running, "measure", partial(lambda *_: (seconds, 1)))
    monkeypatch.setattr(running, "cut", lambda *_: iter([None]))
    source = type("Source", (), {"count": 1000})
    assert running.shard_size([source], SETTINGS, InlineWorkers(1)) == size


def test_large_instances_make_small_parts(points, monkeypatch):
    monkeypatch.setattr(running, "measure", lambda *_: (1e-6, running.LARGEST_SHARD // 2))
    assert running.shard_size(points, SETTINGS, InlineWorkers(1)) == 2


def test_what_an_instance_takes_is_measured(points):
    (shard,) = cut(points, 10)
    seconds, largest = running.measure(SETTINGS, shard)
    assert 0 < seconds < 1
    assert largest >= POINTS[0].nbytes


def kill_once(marker, instance):
    """Kill the worker that is given the fifth instance for the first time."""
    if instance.name == "set[4]" and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return instance


def ray_workers():
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'travelling-scientist[ray]'")
    import ray

    from tsp.workers.ray_cluster import QUIET, RayWorkers

    path = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}  # of the modules that tests share
    ray.init("local", num_cpus=2, include_dashboard=False, runtime_env=path, **QUIET)
    return RayWorkers()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own warnings
@pytest.mark.parametrize("open_workers", [partial(ProcessWorkers, 2), ray_workers], ids=["processes", "ray"])
def test_a_worker_that_is_killed_midway_loses_nothing(points, tmp_path, open_workers):
    settings = Settings("ls(kicks=3)", Budget(1.0, seed=4), "cpu", same)
    finish(points, parts_in(tmp_path / "whole"), settings=settings)
    deadly = replace(settings, complete=partial(kill_once, tmp_path / "killed"))
    with open_workers() as workers:
        assert finish(points, parts_in(tmp_path / "out"), workers=workers, settings=deadly).solved == 10
    assert (tmp_path / "killed").exists()
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")

"""Ctrl-C and SIGTERM keep what has been solved of a set."""

import json
import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from policies.solver import PolicySolver

ROOT = Path(__file__).parents[2]


@pytest.fixture
def signalled(monkeypatch):
    """Send this process a signal right before a given call of a method."""

    def arrange(owner, name, number, call):
        method, calls = getattr(owner, name), count(1)

        def interrupted(*args, **kwargs):
            if next(calls) == call:
                signal.raise_signal(number)
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, interrupted)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield arrange
    signal.signal(signal.SIGINT, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ("policy(starts=1, augmentations=1)", (PolicySolver, "_solve_batch")),
        ("nearest", ("baselines.heuristics.constructive", "NearestNeighbour", "solve_one")),
    ],
)
def test_what_was_solved_before_an_interruption_is_printed(tsp, monkeypatch, signalled, spec, place, number, code):
    from tsp.solvers.registry import load

    monkeypatch.setattr("policies.solver.BATCH_ELEMENTS", 1)  # every instance is a batch
    assert tsp("generate", "--size", 5, "--instances", 8, "--out", "set.npz")[0] == 0
    owner = place[0] if len(place) == 2 else load(f"{place[0]}:{place[1]}")
    signalled(owner, place[-1], number, 6)
    result, out, err = tsp("solve", "set.npz", "--solver", spec, "--json")
    assert result == code
    assert "interrupted: this is the best so far" in err
    solutions = json.loads(out)["solutions"]
    assert [one["feasible"] for one in solutions] == [True] * 5 + [False] * 3


def test_a_full_disk_below_the_standard_output_is_a_sentence():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tsp", "generate", "--help"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert "Traceback" not in done.stderr

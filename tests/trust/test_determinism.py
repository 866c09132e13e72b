"""The same command gives the same answer: under any hash seed and number of threads, alone, in a set, in any order.

That holds for solvers that end by themselves; those that search until a time limit stop at different moments.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from envs.generators import generate_instances
from tsp.formats import write_instances
from tsp.shortcuts import solve

ROOT = Path(__file__).parents[2]
SOLVERS = [
    ("tsp", "nearest"),
    ("tsp", "insertion"),
    ("tsp", "spacefilling"),
    ("tsp", "policy(decoding=greedy)"),
    ("tsp", "policy(decoding=sampling, samples=8)"),
    ("tsp", "policy(decoding=beam, width=4)"),
    ("op", "policy(decoding=greedy)"),
    ("cvrp", "policy(decoding=greedy)"),
    ("opst", "session-recourse(steps=200)"),
]


def drawn(problem, count):
    """Instances of a size that the shipped policies know."""
    return generate_instances(problem, "uniform", 6 if problem == "opst" else 20, count, 1)


def tours_of(instances, solver, **options):
    found = solve(instances, solver, seed=3, **options)
    return [[tour.tolist() for tour in answer.tours] for answer in found]


def answers():
    """The tours of all solvers, and the bits of generated instances."""
    found = {f"{problem} {solver}": tours_of(drawn(problem, 2), solver) for problem, solver in SOLVERS}
    return found | {"drawn": [instance.fingerprint for instance in drawn("cvrptw", 2)]}


def test_answers_do_not_depend_on_the_hash_seed():
    """This process has a seed of its own, drawn by Python or given by `PYTHONHASHSEED`."""
    code = f"import json, sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_determinism as it"
    seed = "12345" if os.environ.get("PYTHONHASHSEED") == "0" else "0"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-c", f"{code}; print(json.dumps(it.answers()))"]
    run = subprocess.run(words, capture_output=True, env=environment, text=True, check=True, cwd=ROOT)
    assert json.loads(run.stdout) == json.loads(json.dumps(answers()))


@pytest.mark.parametrize(("problem", "solver"), SOLVERS)
def test_answers_do_not_depend_on_the_number_of_threads(problem, solver):
    threads = torch.get_num_threads()
    instances = drawn(problem, 2)
    one = tours_of(instances, solver)
    try:
        torch.set_num_threads(3)
        assert tours_of(instances, solver, threads=3) == one
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(("problem", "solver"), [pair for pair in SOLVERS if "sampling" not in pair[1]])
def test_an_instance_has_the_same_answer_alone_in_a_set_and_in_another_order(problem, solver):
    instances = drawn(problem, 3)
    together = tours_of(instances, solver)
    assert tours_of(instances[::-1], solver) == together[::-1]
    assert [tours_of([instance], solver)[0] for instance in instances] == together


def test_files_may_come_in_any_order(tsp, tmp_path):
    for k, instance in enumerate(drawn("tsp", 3)):
        write_instances(f"{k}.tsp", [instance])

    def solved(*files):
        code, out, _ = tsp("solve", *files, "--solver", "policy", "--json", "--time-limit", 1)
        assert code == 0
        return {found["instance"]: found["tours"] for found in json.loads(out)["solutions"]}

    assert solved("0.tsp", "1.tsp", "2.tsp") == solved("2.tsp", "0.tsp", "1.tsp")


def test_a_set_has_the_same_bits_whenever_it_is_drawn(tsp, tmp_path):
    for name in ("a.npz", "b.npz"):
        assert tsp("generate", "--problem", "opq", "--size", 6, "--instances", 3, "--seed", 4, "--out", name)[0] == 0
    a, b = (np.load(tmp_path / name) for name in ("a.npz", "b.npz"))
    with a, b:
        assert a.files == b.files
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name])

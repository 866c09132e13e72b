"""What a solver's warm-up compiles suffices for every problem: nothing is compiled while a clock runs."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = """
import gc, sys
from numba.core.dispatcher import Dispatcher
from envs.generators import generate_instances
from tsp.budget import Budget
from tsp.problems import get_problem
from tsp.solvers.registry import make

def variants():
    "The number of compiled variants of each kernel; those that are loaded from a cache count too."
    kernels = [x for x in gc.get_objects() if isinstance(x, Dispatcher)]
    names = {x: f"{x.py_func.__module__}.{x.py_func.__name__}" for x in kernels}
    return {name: len(x.signatures) for x, name in names.items() if name.startswith("baselines.")}

for spec in sys.argv[1:]:
    solver = make(spec)
    for name in ("tsp", "shpp", "op", "tsptw", "cvrp"):
        problem = get_problem(name)
        if solver.supports(problem):
            solver.warm_up(problem)
            before = variants()
            solver.solve(problem, generate_instances(name, "uniform", 9, 1, 0), Budget(0.05, seed=1))
            grown = sorted(kernel for kernel, count in variants().items() if count > before.get(kernel, 0))
            if grown:
                print(spec, name, *grown)
"""


@pytest.mark.parametrize("specs", [("insertion", "nearest-feasible", "tsiligirides"), ("ls", "2opt", "ga", "bound")])
def test_nothing_is_compiled_after_the_warm_up(specs):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE, *specs], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""

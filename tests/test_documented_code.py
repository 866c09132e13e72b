"""The pages that walk through code show code that works: quotes are in the files, and additions do what is said."""

import os
import subprocess
import sys

import pytest
from documented_code import ROOT, add_blocks, blocks, copy_tree, import_everywhere, is_quoted

PAGES = [ROOT / "docs" / f"adding-{what}.md" for what in ("a-rule", "a-solver", "an-encoder")]
QUOTES = [
    block for page in [*PAGES, ROOT / "docs" / "first-hour.md"] for block in blocks(page) if block.kind == "quote"
]

USED = """
import tsp
from envs.generators import generate_set
from tsp.formats import write_instances

open("posters.csv", "w").write("name,x,y,after\\nentrance,0,0,\\nb,1,0,a\\na,3,0,\\nc,2,0,\\n")
posters = tsp.read("posters.csv", problem="sop")
found = tsp.solve(posters, time_limit=1)
assert found.proved_optimal and found.feasible, found
assert [posters.names[node] for node in found.tours[0]].index("a") < 3
assert found.tours[0].tolist().index(2) < found.tours[0].tolist().index(1), found.tours
try:
    open("wrong.csv", "w").write("name,x,y,after\\na,0,0,\\nb,1,0,z\\n")
    tsp.read("wrong.csv")
except ValueError as error:
    assert str(error) == "wrong.csv:3: column after: 'z', expected the name of a node, or nothing", error
drawn, hidden = generate_set("sop", "uniform", 9, 2, seed=0)
write_instances("set.npz", drawn, hidden)
for one, other in zip(drawn, tsp.read_set("set.npz"), strict=True):
    assert one.after.tolist() == other.after.tolist() and (one.after >= 0).sum() == 3
    assert one.fingerprint == other.fingerprint
"""
"""A user's program with the problem that docs/adding-a-rule.md adds."""

SWEPT = """
import tsp
from envs.generators import generate_instances

instances = generate_instances("cvrp", "uniform", 30, 5, 0)
for one, four in zip(tsp.solve(instances, "sweep"), tsp.solve(instances, "sweep(starts=4)"), strict=True):
    assert one.feasible and one.solver == "sweep" and one.objective <= four.objective
"""
"""A user's program with the solver that docs/adding-a-solver.md adds."""


@pytest.mark.parametrize("block", QUOTES, ids=lambda block: f"{block.page}: {block.code.split('(')[0].split()[-1]}")
def test_code_that_a_page_quotes_is_in_the_file(block):
    assert is_quoted(block)


@pytest.fixture
def run_in(tmp_path):
    """Run Python in a copy of the tree, without this run's own options, measurements and compiled kernels."""
    own = ("COV", "PYTEST", "NUMBA_CACHE_DIR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    environment = {**kept, "PYTHONPATH": os.pathsep.join((str(tmp_path), str(tmp_path / "tests")))}

    def run(*words):
        command = (sys.executable, *words)
        ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    copy_tree(tmp_path)
    return run


OPTIONS = ("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--import-mode=importlib")


@pytest.mark.slow
def test_the_rule_that_a_page_adds_passes_the_tests_of_every_problem(tmp_path, run_in):
    files = add_blocks(PAGES[0], tmp_path)
    import_everywhere("Precedence", "tsp.problems", files, tmp_path)
    tests = ("tests/test_referee.py", "tests/tsp/underway", "tests/baselines/models", "tests/envs")
    assert " passed" in run_in(*OPTIONS, "-k", "sop", *tests)
    (tmp_path / "use_it.py").write_text(USED)
    run_in("use_it.py")


@pytest.mark.slow
def test_the_solver_that_a_page_adds_passes_the_contract(tmp_path, run_in):
    add_blocks(PAGES[1], tmp_path)
    assert " passed" in run_in(*OPTIONS, "-k", "sweep", "tests/baselines/test_contract.py")
    (tmp_path / "use_it.py").write_text(SWEPT)
    run_in("use_it.py")


@pytest.mark.slow
def test_the_encoder_that_a_page_adds_passes_the_tests_of_encoders_and_learns(tmp_path, run_in):
    add_blocks(PAGES[2], tmp_path)
    assert " passed" in run_in(*OPTIONS, "-k", "sets", "tests/policies/test_encoders.py")
    options = (
        "--encoder",
        "sets",
        "--size",
        "6",
        "--instances",
        "64",
        "--epoch-size",
        "64",
        "--width",
        "16",
        "--heads",
        "4",
    )
    run_in("-m", "tsp", "train", "--problem", "cvrp", *options, "--out", "runs/sets")
    assert (tmp_path / "runs" / "sets" / "checkpoint-last.safetensors").exists()

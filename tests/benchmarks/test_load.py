"""The load test runs at a small size: a kill and broken instances lose nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from write_results import parse_markdown

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_set_that_is_killed_midway_is_solved_within_a_gigabyte():
    words = ["--instances", "6000", "--size", "20", "--solver", "nearest"]
    run = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "load.py", *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    columns, (row,) = parse_markdown(run.stdout)
    found = dict(zip(columns, row, strict=True))
    assert found["failed"] == "3"
    assert 0 < float(found["memory, MB"]) < 1000

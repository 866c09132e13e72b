"""The script that trains on a GPU runs on a CPU too, at tiny sizes, and keeps the time it is given."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from policies.checkpoint import load_policy

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_burst_leaves_a_policy_and_its_record_within_its_seconds(tmp_path):
    began = time.monotonic()
    words = ["--seconds", "75", "--reserve", "15", "--only", "tsp,cvrp", "--device", "cpu", "--small"]
    subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "burst.py", *words, "--out", tmp_path],
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        check=True,
    )
    assert time.monotonic() - began < 80
    for name in ("tsp", "cvrp"):
        policy, info = load_policy(tmp_path / f"{name}.safetensors")
        assert info.problem == policy.env.problem.name == name
        record = json.loads((tmp_path / f"{name}.json").read_text())
        assert record["steps"] > 0
        assert record["final"]["8"]["instances"] == 16

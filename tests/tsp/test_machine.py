"""A process that keeps the memory it frees does not get it from the system again."""

import ctypes
import subprocess
import sys

import pytest

import tsp.machine
from tsp.cli import main

HAS_MALLOPT = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")
FAULTS = """
import resource, sys
from tsp.machine import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(20):
    bytearray(50_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(not HAS_MALLOPT, reason="a C library without mallopt")
def test_freed_memory_is_used_again():
    given, kept = (
        int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, check=True, text=True).stdout)
        for how in ("give", "keep")
    )
    assert kept < given / 3


@pytest.mark.parametrize(
    "command",
    [
        ["solve", "missing.csv"],
        ["compare", "missing.csv"],
        ["train", "--minutes", "1", "--teacher", "missing", "--out", "run"],
    ],
    ids=lambda command: command[0],
)
def test_commands_that_decode_in_batches_keep_freed_memory(command, monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tsp.machine, "keep_freed_memory", lambda: calls.append(None))
    assert main(command) == 2
    assert "missing" in capsys.readouterr().err
    assert len(calls) == 1

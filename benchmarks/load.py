"""A large set through `tsp solve --out FOLDER/`: memory, time and bytes; a kill in the middle; broken instances.

The set is written first, with three broken instances. The command is killed without warning when a tenth of the parts
is there, with its workers, and then goes on with `--resume`. Every instance must be in the parts once, with a feasible
solution or, if it is broken, as a failure. Memory is the sum, over the command and its workers, of the most that each
of them ever occupied (Linux).

    python benchmarks/load.py --instances 100000 --size 50 --solver "ls(kicks=10)" --workers 1
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

BROKEN = (17, 4321, 31)
"""Positions of broken instances, as far as there are so many instances."""

PAUSE = 0.2
"""Seconds between two looks at memory."""


class Memory:
    """The most memory that each process of a tree occupied, in bytes."""

    def __init__(self) -> None:
        self.most: dict[int, int] = {}

    def look(self, root: int) -> None:
        """Look at a process and its descendants."""
        parents: dict[int, int] = {}
        peaks: dict[int, int] = {}
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            except OSError:  # it has ended
                continue
            if "VmHWM" in fields:
                pid = int(fields["Pid"])
                parents[pid], peaks[pid] = int(fields["PPid"]), 1024 * int(fields["VmHWM"].split()[0])
        for pid, peak in peaks.items():
            ancestor = pid
            while ancestor not in (root, 0):
                ancestor = parents.get(ancestor, 0)
            if ancestor == root:
                self.most[pid] = max(peak, self.most.get(pid, 0))


def write_set(path: Path, instances: int, size: int) -> int:
    """Write uniform instances, some of them broken; return the number of these."""
    coordinates = np.random.default_rng(1234).random((instances, size, 2))
    broken = [k for k in BROKEN if k < instances]
    coordinates[broken, 0, 0] = np.nan
    np.savez(path, coordinates=coordinates)
    return len(broken)


def run(words: list[str], folder: Path, memory: Memory, *, kill_at: int | None) -> int:
    """Run the command, and kill it with its workers when so many parts are there; return the exit code."""
    process = subprocess.Popen(words, start_new_session=True, stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        memory.look(process.pid)
        if kill_at is not None and len(list(folder.glob("part-*"))) >= kill_at:
            os.killpg(process.pid, signal.SIGKILL)
            kill_at = None
        time.sleep(PAUSE)
    assert process.stdout is not None
    print(process.stdout.read(), file=sys.stderr)
    return process.wait()


def main() -> None:
    """Run the command twice, check its parts and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=50)
    parser.add_argument("--solver", default="ls(kicks=10)")
    parser.add_argument("--workers", default="1")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        file, folder, memory = Path(scratch) / "set.npz", Path(scratch) / "answers", Memory()
        broken = write_set(file, arguments.instances, arguments.size)
        words = [sys.executable, "-m", "tsp", "solve", str(file), "--solver", arguments.solver,
                 "--workers", arguments.workers, "--out", f"{folder}/", "--resume"]  # fmt: skip
        started = time.perf_counter()
        killed = run(words, folder, memory, kill_at=max(1, arguments.instances // 10_000))
        code = run(words, folder, memory, kill_at=None)
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        parts = [json.loads(path.read_text()) for path in sorted(folder.glob("part-*.json"))]
        names = [entry["instance"] for part in parts for entry in part["solutions"] if entry["feasible"]]
        failed = [failure["index"] for part in parts for failure in part["failures"]]
        assert (killed, code) == (-signal.SIGKILL, 1), (killed, code)
        assert sorted(failed) == sorted(k for k in BROKEN if k < arguments.instances), failed
        assert len(set(names)) == len(names) == arguments.instances - broken
        per_million = 1e6 / arguments.instances
        cells = {
            "instances": arguments.instances,
            "solver": arguments.solver,
            "workers": arguments.workers,
            "parts": len(parts),
            "failed": len(failed),
            "memory, MB": f"{sum(sorted(memory.most.values())[-1 - int(arguments.workers) :]) / 1e6:.0f}",
            "minutes": f"{seconds / 60:.1f}",
            "core-hours per million": f"{(used.ru_utime + used.ru_stime) * per_million / 3600:.2f}",
            "GB in per million": f"{file.stat().st_size * per_million / 1e9:.2f}",
            "GB out per million": f"{sum(p.stat().st_size for p in folder.iterdir()) * per_million / 1e9:.2f}",
        }
    print(f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}\n| {' | '.join(map(str, cells.values()))} |")


if __name__ == "__main__":
    main()

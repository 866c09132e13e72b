"""Fuzz all readers of the toolkit and print a table: `python -m benchmarks.fuzz --inputs 1000000`.

Each target runs in a process of its own under Atheris (`pip install atheris`, Python 3.11), which keeps the inputs that
reach new lines. An input may take `SECONDS` of processor time and `MEGABYTES` of memory; every fault is written to
the folder `--out` with its input, and the exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

with atheris.instrument_imports(include=["tsp", "policies.checkpoint", "policies.laws", "policies.kool"]):
    from benchmarks.fuzz.mutations import LARGEST, changed
    from benchmarks.fuzz.targets import TARGETS, fault

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTES = 500
"""Memory that an input may take in addition to what the process has."""
SECONDS = 10
"""Wall clock after which an input is given up."""
NEXT_REPORT = 200
"""Inputs between two reports of a worker."""


def run_target(name: str, inputs: int, seed: int, out: Path, folder: Path) -> None:
    """Fuzz one target in this process, which ends with it; `folder` is for its inputs."""
    target, counts = TARGETS[name], {"inputs": 0, "faults": 0}
    corpus, path = folder / "corpus", folder / f"input{target.ending}"
    corpus.mkdir()
    for k, data in enumerate(target.seeds()):
        (corpus / str(k)).write_bytes(data)
        path.write_bytes(data)
        fault(target, path)  # whatever is made at the first use is not counted in the memory of an input
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEGABYTES * 2**20,) * 2)

    def report() -> None:
        (out / "counts.json").write_text(json.dumps(counts))

    def try_input(data: bytes) -> None:
        path.write_bytes(data)
        found = fault(target, path)
        counts["inputs"] += 1
        if found is not None:
            key = hashlib.sha256(found.split(":")[0].encode() + found[:60].encode()).hexdigest()[:10]
            place = out / f"{key}{target.ending}"
            if not place.exists():
                counts["faults"] += 1
                place.write_bytes(data)
                place.with_name(f"{key}.fault").write_text(f"{name}: {found}\n")
        if counts["inputs"] % NEXT_REPORT == 0 or counts["inputs"] >= inputs or found is not None:
            report()

    def change(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.05:
            return atheris.Mutate(data, most)
        return changed(data, target.change, rng)[:most]

    options = [f"-runs={inputs}", f"-seed={seed}", f"-max_len={LARGEST}", "-rss_limit_mb=0", f"-timeout={SECONDS}"]
    options += [f"-artifact_prefix={out}/", "-len_control=0", "-verbosity=0", str(corpus)]
    atheris.Setup([sys.argv[0], *options], try_input, custom_mutator=change)
    report()
    atheris.Fuzz()


def shared_memory() -> str | None:
    """A folder in memory, if the system has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def in_child(work: Callable[[], object], log: Path) -> int:
    """The exit code of a function in a copy of this process, whose output goes to a file."""
    child = os.fork()
    if child == 0:
        descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> int:
    """Fuzz the chosen targets, one after another."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of all targets (default 1000000)")
    parser.add_argument("--targets", nargs="*", default=list(TARGETS), help="names of targets (default: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("faults"), help="folder of the faults (default faults)")
    arguments = parser.parse_args()
    whole, total, faults = sum(TARGETS[name].weight for name in arguments.targets), 0, 0
    print(f"{'target':16} {'inputs':>9} {'seconds':>8} {'faults':>7}", flush=True)
    for name in arguments.targets:
        out = arguments.out.resolve() / name.replace(" ", "-")
        out.mkdir(parents=True, exist_ok=True)
        start, share = time.monotonic(), max(1, round(arguments.inputs * TARGETS[name].weight / whole))
        with tempfile.TemporaryDirectory(prefix="fuzzed-", dir=shared_memory()) as folder:
            work = functools.partial(run_target, name, share, arguments.seed, out, Path(folder))
            code = in_child(work, out / "log")
        counts = json.loads((out / "counts.json").read_text())
        counts["faults"] += code != 0  # too slow, or the interpreter itself broke down: see the log
        print(f"{name:16} {counts['inputs']:9} {time.monotonic() - start:8.0f} {counts['faults']:7}", flush=True)
        total, faults = total + counts["inputs"], faults + counts["faults"]
    print(f"{'all':16} {total:9} {'':8} {faults:7}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

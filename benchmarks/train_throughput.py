#!/usr/bin/env python
"""Training throughput: our REINFORCE step beside that of RL4CO 0.7, in one run on the same cores.

Both sides train the attention model of Kool et al. (width 128, 3 layers, 8 heads, feed-forward 512, batch norm) on
uniform TSP with Adam and gradients clipped at norm 1. The time measured is the wall clock of a whole step: drawing the
batch, sampling tours, the REINFORCE baseline, the backward pass and the update. The greedy rollout baseline is
evaluated for every batch: there is no warm-up epoch without it. The two sides are separate processes that work in turn
(ours, theirs, ours, theirs, …), so that other load on the machine affects both equally.

RL4CO is measured in each precision that it supports on a CPU: float32; float32 with "medium" matrix products; and
bfloat16 autocast with "medium", the defaults of its own trainer. The ratio is to the fastest of these. Its process
keeps freed memory, as that of `tsp train` does (`tsp.machine.keep_freed_memory`), though its users' do not.

    python benchmarks/train_throughput.py --rl4co ~/.cache/rl4co-0.7
    python benchmarks/train_throughput.py --whole 0.4 2

The first makes that virtual environment if it is not there (`pip install torch==<ours> 'rl4co==0.7.*'`), and prints a
table. The second trains whole runs of so many minutes with the rollout baseline, and prints the share of the time that
is not spent in steps: validation, the test of the baseline's policy, and checkpoints.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parents[1]
THEIR_PRECISIONS = ("float32", "float32-medium", "bfloat16")
LR = 1e-4
KEEP_FREED_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_MMAP_MAX_": "0"}
"""For RL4CO's process, what `tsp.machine.keep_freed_memory` does in ours."""


@dataclass(frozen=True)
class Case:
    """One training setup, the same for both sides.

    Attributes:
        baseline: REINFORCE baseline: rollout, with one sampled tour an instance, or shared, with as many as nodes.
        size: number of nodes.
        batch: instances a step.
    """

    baseline: str
    size: int
    batch: int


CASES = (
    Case("rollout", 20, 512),
    Case("rollout", 50, 256),
    Case("rollout", 100, 128),
    Case("shared", 20, 128),
    Case("shared", 50, 32),
    Case("shared", 100, 8),
)


def make_ours(case: Case, precision: str) -> Callable[[], None]:
    """Our step, as `tsp train` takes it."""
    from policies.policy import PolicyConfig
    from policies.training.config import TrainConfig
    from policies.training.trainer import Trainer
    from tsp.machine import keep_freed_memory

    config = TrainConfig(
        size=str(case.size),
        baseline=case.baseline,
        warmup_epochs=0,
        starts=case.size if case.baseline == "shared" else 1,
        batch_size=case.batch,
        instances=10**12,
        lr=LR,
        schedule="constant",
        precision=precision,
        policy=PolicyConfig(norm="batch"),
    )
    keep_freed_memory()
    return Trainer(config, os.devnull).train_step  # a step writes nothing


def make_theirs(case: Case, precision: str) -> Callable[[], None]:
    """RL4CO's step: its own `shared_step` and optimizer, without the overhead of a Lightning trainer around it."""
    import torch

    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    from rl4co.envs import TSPEnv
    from rl4co.models import POMO, AttentionModel

    matmul = "highest" if precision == "float32" else "medium"
    autocast = torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext()
    env = TSPEnv(generator_params={"num_loc": case.size})
    if case.baseline == "rollout":
        model = AttentionModel(env)
        rollout = model.baseline.baseline  # what the warm-up is for
        rollout.setup(model.policy, env, batch_size=case.batch, dataset_size=case.batch)
        best = rollout.policy.eval()
    else:
        same_encoder = {"num_encoder_layers": 3, "normalization": "batch"}
        model = POMO(env, policy_kwargs=same_encoder, num_starts=case.size)
        best = None
    model.log_dict = lambda *_, **__: None  # there is no trainer to log to
    model.policy.train()
    parameters = list(model.policy.parameters())
    optimizer = torch.optim.Adam(parameters, lr=LR)

    def step() -> None:
        torch.set_float32_matmul_precision(matmul)
        batch = env.generator(case.batch)
        if best is not None:  # as its RolloutBaseline.rollout does, for every batch of an epoch
            with torch.inference_mode(), autocast:
                reward = best(env.reset(batch), env, decode_type="greedy")["reward"]
            batch["extra"] = reward.clone()
        with autocast:
            loss = model.shared_step(batch, 0, phase="train")["loss"]
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def serve(make: Callable[[Case, str], Callable[[], None]], threads: int) -> None:
    """Read orders from standard input, a line each: make steps for some seconds, and write the instances a second."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    steps: dict[tuple[Case, str], Callable[[], None]] = {}
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may print to standard output
    for line in sys.stdin:
        order = json.loads(line)
        key = Case(**order["case"]), order["precision"]
        if key not in steps:
            steps.clear()  # one model at a time
            steps[key] = make(*key)
            steps[key]()
        step = steps[key]
        step()  # not timed: the other side has filled the caches
        count, start, seconds = 0, time.perf_counter(), 0.0
        while count < 2 or seconds < order["seconds"]:
            step()
            count += 1
            seconds = time.perf_counter() - start
        answers.write(json.dumps(count * key[0].batch / seconds) + "\n")
        answers.flush()


class Side:
    """A process that makes steps on request and otherwise sleeps."""

    def __init__(self, side: str, python: str, threads: int, script: str) -> None:
        command = [python, str(Path(script).resolve()), "--serve", side, "--threads", str(threads)]
        own = {"PYTHONPATH": str(ROOT)} if side == "ours" else KEEP_FREED_MEMORY
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if side == "ours" else subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=os.environ | own | {"OMP_NUM_THREADS": str(threads)},
        )

    def measure(self, case: Case, precision: str, seconds: float) -> float:
        """Instances a second."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"case": asdict(case), "precision": precision, "seconds": seconds}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.process.args}: it ended without an answer")
        return json.loads(answer)


def their_python(folder: Path) -> str:
    """The interpreter of RL4CO's own virtual environment, which is created if it does not exist."""
    import torch

    python = folder / "bin" / "python"
    if not python.exists():
        version = torch.__version__.partition("+")[0]
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"torch=={version}", "rl4co==0.7.*"], check=True)
    return str(python)


def compare(options: argparse.Namespace, cases: Sequence[Case], script: str) -> None:
    """Measure every case on both sides in turn, and print a line for each.

    Args:
        options: from the command line.
        cases: what to measure.
        script: the program that makes the steps of a side, with `--serve`.
    """
    ours = Side("ours", sys.executable, options.threads, script)
    theirs = Side("rl4co", their_python(options.rl4co), options.threads, script)
    rows: list[dict[str, object]] = []
    print(f"instances/s, {options.threads} threads, median of {options.repetitions}")
    print(
        f"{'baseline':<9}{'n':>4}{'batch':>7}{'ours':>9}{'RL4CO':>9}{'ratio':>7}  {'range':<13}RL4CO's best precision"
    )
    for case in cases:
        if options.only and f"{case.baseline}{case.size}" not in options.only:
            continue
        trials = {p: theirs.measure(case, p, options.seconds) for p in THEIR_PRECISIONS}
        precision = max(trials, key=trials.__getitem__)
        pairs = [
            (ours.measure(case, "auto", options.seconds), theirs.measure(case, precision, options.seconds))
            for _ in range(options.repetitions)
        ]
        a, b = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = [x / y for x, y in pairs]
        print(
            f"{case.baseline:<9}{case.size:>4}{case.batch:>7}{a:>9.1f}{b:>9.1f}{a / b:>7.2f}  "
            f"{f'{min(ratios):.2f}-{max(ratios):.2f}':<13}{precision}",
            flush=True,
        )
        rows.append({**asdict(case), "pairs": pairs, "ratio": a / b, "their_precision": precision, "trials": trials})
    if options.out:
        options.out.write_text(json.dumps({"threads": options.threads, "rows": rows}, indent=2) + "\n")


def whole_runs(options: argparse.Namespace) -> None:
    """Train whole runs with the rollout baseline, and print what share of the time is not spent in steps."""
    import torch

    from policies.training.config import TrainConfig
    from policies.training.run import start_run
    from policies.training.trainer import Trainer
    from tsp.machine import keep_freed_memory

    torch.set_num_threads(options.threads)
    keep_freed_memory()
    print(f"{'n':>4}{'batch':>7}{'minutes':>9}{'steps':>9}{'whole':>9}{'share':>9}   instances/s of steps, of the run")
    for case, minutes in ((case, minutes) for case in CASES if case.baseline == "rollout" for minutes in options.whole):
        config = TrainConfig(
            size=str(case.size), baseline="rollout", starts=1, batch_size=case.batch, minutes=minutes, lr=LR
        )
        in_steps: list[float] = []
        with tempfile.TemporaryDirectory() as out:
            start_run(config, out)
            trainer = Trainer(config, out)
            step = trainer.train_step

            def timed(step: Callable[[], None] = step, times: list[float] = in_steps) -> None:
                begun = time.perf_counter()
                step()
                times.append(time.perf_counter() - begun)

            trainer.train_step = timed
            begun = time.perf_counter()
            trainer.run()
            whole = time.perf_counter() - begun
        pace, total = trainer.instances / sum(in_steps), trainer.instances / whole
        print(
            f"{case.size:>4}{case.batch:>7}{minutes:>9g}{pace:>9.1f}{total:>9.1f}{1 - sum(in_steps) / whole:>8.1%}",
            flush=True,
        )


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The options of a comparison."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rl4co", type=Path, metavar="FOLDER", help="RL4CO's virtual environment; made if missing")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side (default 2)")
    parser.add_argument("--repetitions", type=int, default=5, help="repetitions of each case (default 5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="least seconds of each measurement (default 10)")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="cases, such as rollout20 shared100 (default: all)")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write every measurement")
    parser.add_argument("--serve", choices=("ours", "rl4co"), help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Parse the command line and run."""
    parser = make_parser(__doc__)
    parser.add_argument("--whole", nargs="+", type=float, metavar="MINUTES", help="measure whole runs of ours")
    options = parser.parse_args()
    if options.serve:
        serve({"ours": make_ours, "rl4co": make_theirs}[options.serve], options.threads)
    elif options.whole:
        whole_runs(options)
    elif options.rl4co is None:
        parser.error("--rl4co: name a folder for RL4CO's virtual environment, or --whole MINUTES")
    else:
        compare(options, CASES, __file__)


if __name__ == "__main__":
    main()

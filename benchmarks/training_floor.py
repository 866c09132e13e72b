"""Where the time of a training step goes, and the least that its arithmetic needs: one thread, processor time.

    python benchmarks/training_floor.py

The floor is the number of floating-point operations of a step's matrix products, divided by the fastest rate at which
this core multiplies matrices in bfloat16. The phases are those of `policies.training.reinforce`: encoding, sampling
without gradient, the REINFORCE baseline, scoring with its backward pass, the encoder's backward pass, and the rest
(drawing instances, the update). The cases are those of `train_throughput.py`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from itertools import cycle
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.flop_counter import FlopCounterMode
from train_throughput import CASES, Case, make_ours
from write_results import measured, save

from policies.training import reinforce
from policies.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 8.0
"""Least processor time of the steps of a case."""
SIDE = 1024
"""Rows of the square matrices whose product shows the core's rate."""
PHASES = ("encoding", "sampling", "baseline", "scoring", "encoder backward")


def fastest_rate() -> float:
    """Floating-point operations a second of the product of two square matrices in bfloat16, best of many."""
    a, b = (torch.randn(SIDE, SIDE).bfloat16() for _ in range(2))
    seconds: list[float] = []
    for _ in range(50):
        begun = time.process_time()
        torch.matmul(a, b)
        seconds.append(time.process_time() - begun)
    return 2 * SIDE**3 / min(seconds)


def phases_of(case: Case) -> tuple[float, dict[str, float]]:
    """Instances a second, and the share of the time in each phase."""
    spent: dict[str, float] = defaultdict(float)

    def timed(function: Callable[..., Any], name: Callable[[], str]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            phase, begun = name(), time.process_time()
            out = function(*arguments, **options)
            spent[phase] += time.process_time() - begun
            return out

        return run

    step = make_ours(case, "auto")
    trainer = step.__self__  # pyright: ignore[reportFunctionMemberAccess]
    assert isinstance(trainer, Trainer)
    for _ in range(2):
        step()
    in_threads, through_encoder = reinforce.in_threads, reinforce.backward_through_encoder
    turns = cycle(("sampling", "scoring"))  # what `in_threads` does, in turn
    prepare, advantage = trainer.policy.prepare, trainer.baseline.advantage
    try:
        reinforce.in_threads = timed(in_threads, lambda: next(turns))
        reinforce.backward_through_encoder = timed(through_encoder, lambda: "encoder backward")
        trainer.policy.prepare = timed(prepare, lambda: "encoding")
        trainer.baseline.advantage = timed(advantage, lambda: "baseline")
        begun, count = time.process_time(), 0
        while time.process_time() - begun < SECONDS or count < 2:
            step()
            count += 1
        whole = time.process_time() - begun
    finally:
        reinforce.in_threads, reinforce.backward_through_encoder = in_threads, through_encoder
    return count * case.batch / whole, {phase: seconds / whole for phase, seconds in spent.items()}


def operations(case: Case) -> float:
    """Floating-point operations of the matrix products of a step, an instance."""
    step = make_ours(case, "auto")
    step()
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops() / case.batch


def main() -> None:
    """Measure each case, print it, and keep the table."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    peak = max(fastest_rate() for _ in range(3))
    rows: list[list[str]] = []
    for case in CASES:
        work = operations(case)
        pace, shares = phases_of(case)
        peak = max(peak, fastest_rate())
        floor = peak / work
        cells = [f"{100 * shares[phase]:.0f}" for phase in PHASES]
        name = "shared, n starts" if case.baseline == "shared" else case.baseline
        rest = 100 * (1 - sum(shares.values()))
        rows.append([name, str(case.size), f"{work / 1e9:.2f}", f"{floor:,.0f}", f"{pace:,.0f}", *cells, f"{rest:.0f}"])
        print(" | ".join(rows[-1]), flush=True)
    columns = ["REINFORCE baseline", "n", "GFLOP an instance", "at most, instances/s", "measured"]
    table = measured(
        "training-floor",
        "Where the time of a training step goes",
        [*columns, *(f"{phase} %" for phase in PHASES), "rest %"],
        rows,
        f"One thread, processor time. At most: the matrix products alone, at the {peak / 1e9:.0f} GFLOP/s of one large "
        "product in bfloat16.",
        "python benchmarks/training_floor.py",
    )
    save(table)


if __name__ == "__main__":
    main()

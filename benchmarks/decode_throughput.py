#!/usr/bin/env python
"""Decoding speed: our greedy tours beside those of RL4CO 0.7, in one run on the same cores.

Both sides decode the attention model of Kool et al. on newly drawn uniform TSP, as in `train_throughput.py`: one greedy
tour of each instance, or the best of the greedy tours from every node under the eight symmetries. Weights are random,
so that neither side's tours are good; the work does not depend on them. RL4CO does what its own test step does, in
whichever precision is fastest for it; ours does what `policy(precision=bfloat16)` does.

    python benchmarks/decode_throughput.py --rl4co ~/.cache/rl4co-0.7
"""

from __future__ import annotations

import logging
import warnings
from contextlib import nullcontext
from typing import TYPE_CHECKING

from train_throughput import Case, compare, make_parser, serve

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = "many"
CASES = (
    Case("one", 20, 512),
    Case("one", 50, 256),
    Case("one", 100, 128),
    Case(MANY, 20, 64),
    Case(MANY, 50, 16),
    Case(MANY, 100, 4),
)
"""Instead of a baseline, how many tours of an instance are decoded: one, or n × 8."""


def make_ours(case: Case, _: str) -> Callable[[], None]:
    """Our decoding of a batch."""
    import torch

    from envs.generators import generate
    from envs.routing_env import RoutingEnv
    from envs.symmetries import augment
    from policies.decoding import Greedy
    from policies.policy import Policy, PolicyConfig
    from policies.rollout import decode
    from tsp.machine import keep_freed_memory

    env = RoutingEnv("tsp")
    policy = Policy(PolicyConfig(norm="batch"), env).eval()
    generator = torch.Generator().manual_seed(0)
    keep_freed_memory()

    def step() -> None:
        batch = generate("tsp", "uniform", case.batch, case.size, generator)
        trajectories = 1
        if case.baseline == MANY:
            batch, trajectories = augment(batch, 8), case.size
        with torch.no_grad():
            cache = policy.prepare(batch, bfloat16=True)
            if trajectories == 1:
                cache = cache.to(torch.float32)
            starts = env.starts(batch, trajectories)
            actions = decode(env, batch, policy.decoder, cache, Greedy(), trajectories=trajectories, prefix=starts)
        env.cost(batch, actions).view(-1, case.batch, trajectories).amin((0, 2))

    return step


def make_theirs(case: Case, precision: str) -> Callable[[], None]:
    """RL4CO's decoding of a batch: its own test step."""
    import torch

    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    from rl4co.envs import TSPEnv
    from rl4co.models import POMO, AttentionModel

    env = TSPEnv(generator_params={"num_loc": case.size})
    if case.baseline == MANY:
        same_encoder = {"num_encoder_layers": 3, "normalization": "batch"}
        model = POMO(env, policy_kwargs=same_encoder, num_starts=case.size, num_augment=8)
    else:
        model = AttentionModel(env)
    model.log_dict = lambda *_, **__: None  # there is no trainer to log to
    model.eval()
    matmul = "highest" if precision == "float32" else "medium"

    def step() -> None:
        torch.set_float32_matmul_precision(matmul)
        autocast = torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext()
        with torch.inference_mode(), autocast:
            batch = env.generator(case.batch)
            if case.baseline == MANY:
                model.shared_step(batch, 0, phase="test")
            else:
                model.policy(env.reset(batch), env, phase="test", decode_type="greedy")

    return step


def main() -> None:
    """Parse the command line and run."""
    parser = make_parser(__doc__)
    options = parser.parse_args()
    if options.serve:
        serve({"ours": make_ours, "rl4co": make_theirs}[options.serve], options.threads)
    elif options.rl4co is None:
        parser.error("--rl4co: name a folder for RL4CO's virtual environment")
    else:
        compare(options, CASES, __file__)


if __name__ == "__main__":
    main()

"""A problem with a rule of its own: a fixed start, and a context."""

from dataclasses import dataclass

import pytest
import torch

from envs import rules
from envs.rule_env import RuleEnv
from tsp.problems import Objective, Problem, Rule, Shape, VisitOnce


@dataclass(frozen=True)
class StartAt(Rule):
    node: int


class StartAtEnv(RuleEnv):
    """Tours begin at a node; the policy sees how many steps were made."""

    context_features = 1

    def start(self, batch, trajectories):
        return torch.zeros(batch.count, trajectories)

    def update(self, state, move):
        return state + 1

    def context(self, state, move):
        return state[..., None]

    def forbids_visit(self, state, move):
        elsewhere = torch.arange(move.visited.shape[-1]) != self.rule.node
        return (state[..., None] == 0) & elsewhere


@pytest.fixture
def started(monkeypatch):
    monkeypatch.setitem(rules.RULES, StartAt, StartAtEnv)
    return Problem(
        "started", "tour from a given start", "", Shape.CYCLE, (VisitOnce(), StartAt(1)), Objective(("length",))
    )

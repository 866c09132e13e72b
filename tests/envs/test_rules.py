"""Every rule has all its readings, and each environment of a rule keeps the contract of `RuleEnv`."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from instances import tiny_instance
from unknown_rule import UnknownRule

import tsp.checks
from baselines.models.ortools_cpsat.constraints import CPSAT_RULES
from baselines.models.ortools_cpsat.objective import CPSAT_TERMS
from baselines.models.ortools_routing.constraints import ROUTING_RULES
from baselines.models.ortools_routing.objective import ROUTING_TERMS
from envs import walks
from envs.batch import from_instances
from envs.features import FEATURES
from envs.generators import generate
from envs.routing_env import RoutingEnv
from envs.rules import RULES
from tsp.instance import LIMITS, NODE_VALUES, Instance
from tsp.problems import PROBLEMS, Capacity, MaxVisits, Objective, Problem, Session, Shape, TimeWindows

USED = sorted({rule for problem in PROBLEMS.values() for rule in problem.rules}, key=lambda rule: type(rule).__name__)
KNOWN = [rule for rule in USED if not isinstance(rule, Session)]
"""Rules of known numbers, which classical models can state."""
TERMS = sorted({term for problem in PROBLEMS.values() for term in problem.objective.terms})
WALKABLE = tuple(PROBLEMS["tsp"].rules)
EVERY_RULE = pytest.mark.parametrize("rule", USED, ids=lambda rule: type(rule).__name__)


@EVERY_RULE
def test_every_rule_has_an_environment_and_a_check(rule):
    assert type(rule) in RULES
    assert type(rule) in tsp.checks.CHECKS


@pytest.mark.parametrize("rule", KNOWN, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("table", [ROUTING_RULES, CPSAT_RULES], ids=["OR-Tools routing", "CP-SAT"])
def test_every_rule_has_a_classical_model(rule, table):
    assert type(rule) in table


@pytest.mark.parametrize("term", TERMS)
def test_every_term_of_an_objective_has_all_its_readings(term):
    assert term in tsp.checks.TERMS
    assert term in walks.TERMS
    assert term in ROUTING_TERMS
    assert term in CPSAT_TERMS


@pytest.mark.parametrize("term", sorted(walks.INCREMENTS))
def test_increments_belong_to_terms_that_exist(term):
    assert term in walks.TERMS


def said(rule, own, move):
    """All readings of a rule in a state."""
    return {
        "forbids_visit": rule.forbids_visit(own, move),
        "forbids_return": rule.forbids_return(own, move) if move.returned is not None else None,
        "context": rule.context(own, move),
        "node_context": rule.node_context(own, move),
        "served": rule.served(own),
    }


def copied(parts):
    return {name: None if part is None else part.clone() for name, part in parts.items()}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("padded", [False, True])
def test_every_environment_of_a_rule_keeps_the_contract(problem, padded):
    """Shapes and kinds as declared, and no step changes earlier tensors."""
    env, generator = RoutingEnv(problem), torch.Generator().manual_seed(1)
    batch = generate(problem, "uniform", 3, 5, generator)
    if padded:
        batch = from_instances([tiny_instance(problem, seed, n) for seed, n in ((0, 3), (1, 6), (3, 4))])
    B, P, n = batch.count, 2, batch.size
    state = env.reset(batch, P)
    for _ in range(env.horizon(batch)):
        before = [said(rule, own, state.move) for rule, own in zip(env.rules, state.rules, strict=True)]
        for rule, parts in zip(env.rules, before, strict=True):
            shapes = {
                "forbids_visit": ((B, P, n), torch.bool, None),
                "forbids_return": ((B, P), torch.bool, None),
                "context": ((B, P, rule.context_features), torch.float32, rule.context_features == 0),
                "node_context": ((B, P, n, rule.node_context_features), torch.float32, not rule.node_context_features),
                "served": ((B, P, n), torch.bool, None),
            }
            for name, part in parts.items():
                shape, dtype, absent = shapes[name]
                assert absent is None or (part is None) == absent, name
                assert part is None or (part.shape == shape and part.dtype == dtype), name
                assert part is None or part.isfinite().all(), name
        kept, state_before = [copied(parts) for parts in before], state
        allowed = (~env.observe(state).forbidden).float()
        action = torch.multinomial(allowed.flatten(0, 1), 1, generator=generator).view(B, P)
        state = env.step(state, action)
        for rule, own, parts in zip(env.rules, state_before.rules, kept, strict=True):
            for name, part in said(rule, own, state_before.move).items():
                assert part is None or torch.equal(part, parts[name]), f"a step changed {name}"
    assert state.finished.all()


@pytest.mark.parametrize("problem", PROBLEMS)
def test_features_are_shares_and_finite(problem):
    env = RoutingEnv(problem)
    batch = generate(problem, "uniform", 20, 15, torch.Generator().manual_seed(0))
    assert set(env.shows) <= FEATURES.keys()
    features = env.features(batch)
    assert features.isfinite().all()
    assert (features >= 0).all()
    assert features.amax() < 5  # about 1: the policy need not learn units


ZEROS = {
    **{name: np.zeros(4) for name in NODE_VALUES},
    **dict.fromkeys(LIMITS, 0.0),
    "num_tours": 1,
    "time_windows": np.zeros((4, 2)),
    "matrix": np.zeros((4, 4)),
}


@pytest.mark.parametrize("problem", [name for name, row in PROBLEMS.items() if ZEROS.keys() >= set(row.needs)])
def test_what_a_policy_sees_is_finite_where_limits_and_numbers_are_zero(problem):
    row, instance = PROBLEMS[problem], Instance(**ZEROS)
    rules = tuple(MaxVisits(0) if isinstance(rule, MaxVisits) else rule for rule in row.rules)
    env, batch = RoutingEnv(replace(row, rules=rules)), from_instances([instance])
    assert env.features(batch).isfinite().all()
    state = env.reset(batch)
    for _ in range(env.horizon(batch)):
        seen = env.observe(state)
        for part in (seen.context, seen.node_context):
            assert part is None or part.isfinite().all()
        state = env.step(state, seen.forbidden.long().argmin(-1))


def test_a_split_delivery_leaves_nothing_open_that_is_less_than_the_last_digits_of_a_sum():
    """0.1 + 0.2 is above 0.3 by 6e-17: one visit delivers it, as the checker says, and no other may follow."""
    instance = Instance([[0, 0], [1, 0]], demands=[0, 0.1 + 0.2], capacity=0.3, problem="sdvrp")
    env, batch = RoutingEnv("sdvrp"), from_instances([instance])
    state = env.step(env.reset(batch), torch.tensor([[1]]))
    state = env.step(state, torch.tensor([[0]]))
    assert state.finished.all()
    actions = torch.tensor([1, 0]).expand(1, 1, 2)
    assert env.judge(batch, torch.nn.functional.pad(actions, (0, env.horizon(batch) - 2)))[1].sum() == 0


def test_a_problem_with_a_rule_without_environment_is_refused_by_name():
    problem = Problem("odd", "", "", "cycle", (*WALKABLE, UnknownRule()), Objective(("length",)))
    with pytest.raises(ValueError, match="problem 'odd': no environment covers its rule UnknownRule"):
        RoutingEnv(problem)


@pytest.mark.parametrize("shape", [Shape.CYCLE, Shape.PATH], ids=str)
@pytest.mark.parametrize(
    ("rules", "terms", "named"),
    [
        ((TimeWindows(),), ("length",), "TimeWindows"),
        ((Capacity(),), ("length",), "Capacity"),
        ((), ("longest",), "longest"),
    ],
)
def test_rules_and_terms_of_tours_from_a_depot_are_refused_without_a_depot(shape, rules, terms, named):
    problem = Problem("odd", "", "", shape, (*WALKABLE, *rules), Objective(terms))
    with pytest.raises(ValueError, match=f"problem 'odd': {named} has an environment only where tours leave a depot"):
        RoutingEnv(problem)

"""Every rule has all its readings, and each environment of a rule keeps the contract of `RuleEnv`."""

import pytest
import torch

import tsp.solution
from baselines.ortools_cpsat import CPSAT_RULES, CPSAT_TERMS
from baselines.ortools_routing import ROUTING_RULES, ROUTING_TERMS
from envs import objectives
from envs.batch import from_coordinates, from_instances
from envs.generators import generate
from envs.routing_env import RoutingEnv
from envs.rules import RULES
from tsp.instance import Instance
from tsp.problems import PROBLEMS, Objective, Problem, Rule

USED = sorted({rule for problem in PROBLEMS.values() for rule in problem.rules}, key=lambda rule: type(rule).__name__)
TERMS = sorted({term for problem in PROBLEMS.values() for term in problem.objective.terms})
WALKABLE = tuple(PROBLEMS["tsp"].rules)
EVERY_RULE = pytest.mark.parametrize("rule", USED, ids=lambda rule: type(rule).__name__)


@EVERY_RULE
def test_every_rule_has_an_environment_and_a_check(rule):
    assert type(rule) in RULES
    assert type(rule) in tsp.solution.CHECKS


@EVERY_RULE
@pytest.mark.parametrize("table", [ROUTING_RULES, CPSAT_RULES], ids=["OR-Tools routing", "CP-SAT"])
def test_every_rule_has_a_classical_model(rule, table):
    assert type(rule) in table


@pytest.mark.parametrize("term", TERMS)
def test_every_term_of_an_objective_has_all_its_readings(term):
    assert term in tsp.solution.TERMS
    assert term in objectives.TERMS
    assert term in objectives.INCREMENTS
    assert term in ROUTING_TERMS
    assert term in CPSAT_TERMS


def check_rule(rule, batch):
    """The contract of `RuleEnv`, walked along random legal actions: shapes, no side effects, independent rows."""
    env = RULES[type(rule)](rule)
    walk = RoutingEnv(Problem("walk", "", "", "cycle", (rule, *WALKABLE), Objective(("length",))))
    B, P, n = batch.count, 3, batch.size
    generator = torch.Generator().manual_seed(0)
    state = walk.reset(batch, P)
    own, alone = env.start(batch, P), [env.start(batch.rows(slice(i, i + 1)), P) for i in range(B)]
    for _ in range(walk.horizon(batch)):
        move = state.move
        forbidden, context = env.forbids_visit(own, move), env.context(own, move)
        assert forbidden is None or (forbidden.shape == (B, P, n) and forbidden.dtype == torch.bool)
        assert (context is None) == (env.context_features == 0)
        assert context is None or (context.shape == (B, P, env.context_features) and context.dtype == torch.float32)
        for i, row in enumerate(alone):
            part = type(move)(*(x[i : i + 1] for x in move))
            for whole, single in (
                (forbidden, env.forbids_visit(row, part)),
                (context, env.context(row, part)),
            ):
                assert (whole is None) == (single is None)
                assert whole is None or torch.equal(whole[i : i + 1], single)
        allowed = (~walk.observe(state).mask).float()
        action = torch.multinomial(allowed.flatten(0, 1), 1, generator=generator).view(B, P)
        after = walk.step(state, action)
        before = [x.clone() for x in move]
        updated = env.update(own, after.move)
        assert forbidden is None or torch.equal(forbidden, env.forbids_visit(own, move)), "update changed its argument"
        assert all(torch.equal(x, y) for x, y in zip(move, before, strict=True)), "update changed the move"
        alone = [env.update(row, type(move)(*(x[i : i + 1] for x in after.move))) for i, row in enumerate(alone)]
        state, own = after, updated
    assert state.finished.all()


@EVERY_RULE
@pytest.mark.parametrize("padded", [False, True])
def test_every_environment_of_a_rule_keeps_the_contract(rule, padded):
    generator = torch.Generator().manual_seed(1)
    if padded:
        sizes = (2, 5, 3)
        batch = from_instances([Instance(generate("uniform", 1, n, generator)[0].double().numpy()) for n in sizes])
    else:
        batch = from_coordinates(generate("uniform", 3, 5, generator))
    check_rule(rule, batch)


class Unheard(Rule):
    """A rule that nothing reads."""


def test_a_problem_with_a_rule_without_environment_is_refused_by_name():
    problem = Problem("odd", "", "", "cycle", (*WALKABLE, Unheard()), Objective(("length",)))
    with pytest.raises(ValueError, match="problem 'odd': no environment knows its rule Unheard"):
        RoutingEnv(problem)

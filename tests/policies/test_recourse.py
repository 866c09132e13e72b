"""Orders where prizes are hidden: their average cost, and which is best."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.batch import from_instances
from envs.generators import generate_set
from envs.routing_env import RoutingEnv
from policies.checkpoint import Decoding, PolicyInfo, save_policy
from policies.decoding import Sampling
from policies.policy import Policy, PolicyConfig
from policies.recourse import (
    ENDED,
    QUICK,
    THOROUGH,
    average_cost,
    best_order,
    best_plan,
    disappointing,
    improve,
    moves_of,
)
from policies.recourse_solver import RecourseSolver
from policies.rollout import decode
from policies.solver import PolicySolver
from tsp.budget import Budget
from tsp.instance import Instance, Realization, Underway
from tsp.problems import get_problem
from tsp.solution import check
from tsp.solvers.online import play_all

SPCTSP = get_problem("spctsp")
ENV = RoutingEnv(SPCTSP)
BUDGET = Budget(time_limit=60)


def write_policy(folder, decoding):
    torch.manual_seed(0)
    config = PolicyConfig(layers=1, width=16, heads=2, feedforward=32)
    file = folder / "p.safetensors"
    save_policy(file, Policy(config, ENV), PolicyInfo("spctsp", (1, 40), decoding=decoding), force=True)
    return str(file)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_policy(tmp_path_factory.mktemp("policy"), Decoding(samples=4, augmentations=2))


def random_orders(count, customers, seed=0):
    random = np.random.default_rng(seed)
    return torch.tensor(np.array([random.permutation(customers) + 1 for _ in range(count)]))[None]


def follow(instance, order, real):
    """The cost of a tour that follows this order until the quota is met, and then ends where that is best."""
    visits = range(len(order) + 1)
    met = next((j for j in visits if real[order[:j]].sum() >= instance.min_prize), len(order))
    tours = ([instance.depot, *order[:j]] for j in visits if j >= met)
    return min(check(SPCTSP, instance, [tour], realization=Realization(real)).objective for tour in tours)


def test_the_average_cost_is_that_of_many_drawn_realizations():
    instance = generate_set("spctsp", "uniform", 9, 1, 3)[0][0]
    orders = random_orders(3, 9)
    expected = average_cost(ENV, from_instances([instance]), orders)[0]
    random = np.random.default_rng(1)
    reals = instance.prizes * 2 * random.random((600, 10))
    for order, cost in zip(orders[0].tolist(), expected.tolist(), strict=True):
        played = [follow(instance, order, real) for real in reals]
        assert cost == pytest.approx(np.mean(played), abs=4 * np.std(played) / 600**0.5 + 0.01)


def test_where_the_quota_cannot_be_met_an_order_costs_as_much_as_visiting_all():
    instance = replace(generate_set("spctsp", "uniform", 5, 1, 0)[0][0], min_prize=1e3)
    orders = random_orders(4, 5)
    costs = average_cost(ENV, from_instances([instance]), orders)[0]
    whole = [check(SPCTSP, instance, [[0, *order]]).objective for order in orders[0].tolist()]
    assert costs.tolist() == pytest.approx(whole)


def gamble():
    """An instance whose cheapest plan for expected prizes is not the best plan on average.

    From the depot 0: node 1, to the left, has an expected prize of just the quota; node 2, a little farther to the
    right, has four times as much. Node 1 alone is the shortest tour if prizes are as expected,
    but in every other case the tour visits node 2 as well.
    """
    return Instance(
        np.array([[0.0, 0.0], [-1.0, 0.0], [1.2, 0.0]]),
        prizes=np.array([0.0, 1.0, 4.0]),
        penalties=np.zeros(3),
        min_prize=1.0,
        problem="spctsp",
    )


def test_the_plan_differs_from_the_cheapest_one_for_expected_prizes():
    instance = gamble()
    as_expected = {node: check(SPCTSP, instance, [[0, node]]).objective for node in (1, 2)}
    assert as_expected[1] < as_expected[2]
    orders = torch.tensor([[[1, 2], [2, 1]]])
    plan = best_plan(ENV, from_instances([instance]), orders)
    assert ENV.tours(plan[0], instance) == [[0, 2]]


@pytest.mark.parametrize("given", [0, 3])
def test_moving_a_node_lowers_the_average_cost_and_keeps_visited_nodes(given):
    batch = from_instances(generate_set("spctsp", "uniform", 8, 6, 5)[0])
    order = torch.cat([random_orders(1, 8, seed)[:, 0] for seed in range(6)])
    moved, costs = improve(ENV, batch, order, moves_of(8 - given, two_opt=False), given)
    before, after = (average_cost(ENV, batch, x[:, None], given)[:, 0] for x in (order, moved))
    assert torch.equal(costs, after)
    assert (after <= before).all()
    assert (after < before).any()
    assert (moved[:, :given] == order[:, :given]).all()
    assert (moved.sort(1).values == order.sort(1).values).all()


@pytest.mark.parametrize("given", [0, 3])
def test_a_thorough_search_ends_where_no_move_saves_and_costs_no_more_than_a_quick_one(given):
    batch = from_instances(generate_set("spctsp", "uniform", 12, 6, 5)[0])
    orders = torch.cat([random_orders(8, 12, seed) for seed in range(6)])
    orders[..., :given] = torch.arange(1, given + 1)
    orders = torch.stack([torch.stack([complete(order, 12) for order in row]) for row in orders])
    quick, thorough = (best_order(ENV, batch, orders, given, effort) for effort in (QUICK, THOROUGH))
    costs = [average_cost(ENV, batch, order[:, None], given)[:, 0] for order in (quick, thorough)]
    assert (costs[1] <= costs[0]).all()
    assert (costs[1] < costs[0]).any()
    _, after = improve(ENV, batch, thorough, moves_of(12 - given, two_opt=True), given)
    assert after.tolist() == pytest.approx(costs[1].tolist())


def test_more_starts_cost_no_more_and_sometimes_less():
    batch = from_instances(generate_set("spctsp", "uniform", 15, 6, 5)[0])
    orders = torch.cat([random_orders(8, 15, seed) for seed in range(6)])
    one, six = (best_order(ENV, batch, orders, effort=replace(THOROUGH, starts=starts)) for starts in (1, 6))
    costs = [average_cost(ENV, batch, order[:, None])[:, 0] for order in (one, six)]
    assert (costs[1] <= costs[0]).all()
    assert (costs[1] < costs[0]).any()


def complete(order, customers):
    """The order without repetitions, and then the customers that it lacks."""
    found = list(dict.fromkeys(order.tolist()))
    return torch.tensor(found + [node for node in range(1, customers + 1) if node not in found])


def test_moves_are_different_orders_and_two_opt_adds_reversals():
    single, both = (list(map(tuple, moves_of(5, two_opt=two_opt).tolist())) for two_opt in (False, True))
    assert both[0] == single[0] == (0, 1, 2, 3, 4)
    assert len(set(both)) == len(both)
    assert all(sorted(move) == [0, 1, 2, 3, 4] for move in both)
    assert set(both) - set(single) == {
        (*range(i), *reversed(range(i, j)), *range(j, 5)) for i in range(5) for j in range(i + 3, 6)
    }


def test_plans_keep_the_quota_if_prizes_are_as_expected():
    instances = generate_set("spctsp", "uniform", 8, 6, 5)[0]
    plans = best_plan(ENV, from_instances(instances), random_orders(4, 8).expand(6, -1, -1))
    for plan, instance in zip(plans, instances, strict=True):
        assert check(SPCTSP, instance, ENV.tours(plan, instance)).feasible


@pytest.mark.parametrize("given", [0, 2])
def test_with_disappointing_prizes_every_trajectory_visits_all_nodes(given):
    instances = generate_set("spctsp", "uniform", 7, 4, 2)[0]
    torch.manual_seed(0)
    policy = Policy(PolicyConfig(layers=1, width=16, heads=2, feedforward=32), ENV).eval()
    batch = from_instances(instances)
    prefix = torch.tensor([[[1, 2]]] * 4) if given else None
    bleak = disappointing(batch, prefix)
    expanded = None if prefix is None else prefix.expand(-1, 3, -1)
    found = decode(ENV, bleak, policy.decoder, policy.prepare(bleak), Sampling(), trajectories=3, prefix=expanded)
    short = (batch.values["prizes"][:, 1:3].sum(1) < batch.values["min_prize"]) if given else torch.ones(4) > 0
    assert short.any()
    for orders in found[short].tolist():
        assert all(sorted(set(order) - {0}) == [*range(1, 8)] for order in orders)


def test_ending_an_order_after_any_visit_costs_what_the_checker_computes():
    instance = replace(generate_set("spctsp", "uniform", 6, 1, 4)[0][0], min_prize=0.0)
    ways = torch.cat([torch.zeros(1, 1, 1, dtype=torch.long), random_orders(1, 6)], -1)
    costs = sum(ENDED[name](from_instances([instance]), ways) for name in SPCTSP.objective.terms)[0, 0]
    for visits, cost in enumerate(costs.tolist()):
        assert cost == pytest.approx(check(SPCTSP, instance, [ways[0, 0, : visits + 1].tolist()]).objective)


@pytest.fixture(params=["policy", "policy, thorough", "recourse"])
def solver(request, path):
    if request.param == "recourse":
        return RecourseSolver()
    return PolicySolver(path=path, device="cpu", search="thorough" if "thorough" in request.param else "quick")


def test_tours_do_not_depend_on_prizes_that_are_never_seen(solver):
    drawn, hidden = generate_set("spctsp", "uniform", 8, 5, 1)
    instances = [replace(one, min_prize=0.5, penalties=0.05 * one.penalties) for one in drawn]
    first = play_all(solver, SPCTSP, instances, hidden, BUDGET)
    others = []
    for solution, real in zip(first, hidden, strict=True):
        seen = np.isin(np.arange(9), solution.tours[0])
        assert not seen.all()
        others.append(Realization(np.where(seen, real.prizes, 3.0 * real.prizes + 0.1)))
    second = play_all(solver, SPCTSP, instances, others, BUDGET)
    assert [s.tours[0].tolist() for s in second] == [s.tours[0].tolist() for s in first]


def test_tours_played_online_are_feasible_and_fixed_by_the_seed(solver):
    instances, hidden = generate_set("spctsp", "uniform", 8, 5, 1)
    one, again = (play_all(solver, SPCTSP, instances, hidden, BUDGET) for _ in range(2))
    assert all(solution.feasible for solution in one)
    assert [s.tours[0].tolist() for s in one] == [s.tours[0].tolist() for s in again]


def test_a_plan_under_way_keeps_visited_nodes(solver):
    instance = replace(generate_set("spctsp", "uniform", 8, 1, 1)[0][0], underway=Underway((3, 5)))
    (solution,) = solver.solve(SPCTSP, [instance], BUDGET)
    assert solution.feasible
    assert solution.tours[0].tolist()[:3] == [0, 3, 5]


def test_recommended_decoding_is_used_where_the_user_gives_none(tmp_path, monkeypatch):
    file = write_policy(tmp_path, Decoding(samples=3, augmentations=2))
    shapes = []

    def spy(env, batch, orders, *others):
        shapes.append(orders.shape[1])
        return best_plan(env, batch, orders, *others)

    monkeypatch.setattr("policies.solver.best_plan", spy)
    instances = generate_set("spctsp", "uniform", 6, 1, 1)[0]
    for options in ({}, {"samples": 5}, {"augmentations": 1}):
        PolicySolver(path=file, device="cpu", **options).solve(SPCTSP, instances, BUDGET)
    assert shapes == [6, 10, 3]

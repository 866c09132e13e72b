"""The policy behind the solver protocol."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from brute_force import feasible_solutions
from instances import tiny_instance

from envs.generators import generate_instances, node_count
from envs.routing_env import RoutingEnv
from policies.batch_decoding import Loaded
from policies.checkpoint import Decoding, PolicyInfo, load_policy, save_policy
from policies.policy import Policy, PolicyConfig
from policies.rollout import decode
from policies.solver import PolicySolver
from policies.zoo import find_policy, shipped_policies
from tsp.budget import Budget, Clock
from tsp.composition import problem_of
from tsp.instance import Instance, Underway
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import check

TSP = get_problem("tsp")
BUDGET = Budget(time_limit=60)


def write_policy(folder, problem, *, edges=False):
    torch.manual_seed(0)
    shape = PolicyConfig(layers=1, width=16, heads=2, feedforward=32, norm="instance", edges=edges)
    file = folder / f"{problem}-{edges}.safetensors"
    save_policy(file, Policy(shape, RoutingEnv(problem)), PolicyInfo(problem, (1, 40)))
    return str(file)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_policy(tmp_path_factory.mktemp("policy"), "tsp")


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A policy that uses distances, for every problem."""
    folder = tmp_path_factory.mktemp("policies")
    return {problem: write_policy(folder, problem, edges=True) for problem in PROBLEMS}


def instances(*sizes, seed=0):
    random = np.random.default_rng(seed)
    return [Instance(random.random((n, 2)) * 1000, name=f"n{n}") for n in sizes]


def test_a_policy_is_about_as_good_in_bfloat16():
    some = generate_instances("tsp", "uniform", 50, 20, 7)
    single = {"device": "cpu", "decoding": "greedy", "starts": 1, "augmentations": 1}
    means = [
        np.mean([one.objective for one in PolicySolver(**single, precision=precision).solve(TSP, some, BUDGET)])
        for precision in ("float32", "bfloat16")
    ]
    assert means[0] != means[1]
    assert means[0] == pytest.approx(means[1], rel=0.01)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"augmentations": 1},
        {"starts": 1, "augmentations": 1},
        {"starts": 3},
        {"decoding": "sampling", "samples": 7},
        {"decoding": "sampling", "samples": 7, "starts": 3, "augmentations": 2},
        {"decoding": "beam"},
        {"width": 5, "starts": 3, "augmentations": 2},
        {"decoding": "distinct", "samples": 7},
        {"precision": "bfloat16"},
        {"precision": "bfloat16", "decoding": "beam"},
        {"search": "eas", "steps": 2},
        {"search": "eas", "steps": 2, "samples": 3, "augmentations": 2},
    ],
)
def test_every_way_of_decoding_gives_feasible_tours_of_any_size(path, options):
    given = instances(1, 2, 3, 5, 8, 21, 8)
    solutions = PolicySolver(path=path, device="cpu", **options).solve(TSP, given, BUDGET)
    for instance, solution in zip(given, solutions, strict=True):
        assert solution.feasible
        assert check(TSP, instance, solution.tours).objective == pytest.approx(solution.objective)


def test_mixed_sizes_in_one_batch_give_what_each_alone_gives(path):
    given = instances(4, 9, 17, 18)
    solver = PolicySolver(path=path, device="cpu")
    together = solver.solve(TSP, given, BUDGET)
    alone = [solver.solve(TSP, [instance], BUDGET)[0] for instance in given]
    assert [s.objective for s in together] == pytest.approx([s.objective for s in alone], rel=1e-5)


def test_more_starts_and_symmetries_are_never_worse(path):
    given = instances(12, 12, 12)
    means = [
        np.mean([s.objective for s in PolicySolver(path=path, device="cpu", **o).solve(TSP, given, BUDGET)])
        for o in ({"augmentations": 1, "starts": 4}, {"augmentations": 1}, {"augmentations": 8})
    ]
    assert means[0] >= means[1] >= means[2]


def test_sampling_is_fixed_by_the_seed(path):
    given = instances(15)
    solver = PolicySolver(path=path, device="cpu", decoding="sampling", samples=3)
    one, again, other = (solver.solve(TSP, given, Budget(60, seed=s))[0].tours[0].tolist() for s in (1, 1, 2))
    assert one == again
    assert one != other


@pytest.mark.parametrize("decoding", ["sampling", "distinct"])
@pytest.mark.parametrize("temperature", [None, 1.5])
def test_a_sampled_answer_is_the_same_alone_and_at_any_place_of_any_set(path, temperature, decoding):
    solver = PolicySolver(path=path, device="cpu", decoding=decoding, samples=3, temperature=temperature)
    if temperature is None:
        solver.requested = Decoding(3, {"9": 4.0, "15": 1.0})  # hotter where there are fewer nodes
    assert_the_same_anywhere(solver)


def test_active_search_by_steps_gives_the_same_alone_and_at_any_place_of_any_set(path):
    assert_the_same_anywhere(PolicySolver(path=path, device="cpu", search="eas", steps=3, samples=3))


def assert_the_same_anywhere(solver):
    given = instances(15, 9, 12, 15, 12)
    given.append(given[0])
    alone = [solver.solve(TSP, [instance], BUDGET)[0].tours[0].tolist() for instance in given]
    together = [solution.tours[0].tolist() for solution in solver.solve(TSP, given, BUDGET)]
    backwards = [solution.tours[0].tolist() for solution in solver.solve(TSP, given[::-1], BUDGET)][::-1]
    assert alone == together == backwards
    assert alone[0] == alone[-1]


def test_a_number_of_samples_implies_sampling(path):
    given = instances(15)
    said, meant = (
        PolicySolver(path=path, device="cpu", samples=3, decoding=decoding).solve(TSP, given, BUDGET)[0].tours[0]
        for decoding in ("sampling", None)
    )
    assert said.tolist() == meant.tolist()


def test_the_best_trajectory_is_judged_in_the_files_own_rounding(path, monkeypatch):
    tours = []

    def kept(*arguments, **options):
        actions = decode(*arguments, **options)  # [symmetries, starts, steps]
        tours.extend(actions.flatten(0, 1).tolist())
        return actions

    monkeypatch.setattr("policies.batch_decoding.decode", kept)
    points = np.random.default_rng(19).integers(0, 6, (9, 2))  # so small that rounding changes which tour is best
    instance = Instance(points, metric="CEIL_2D")
    solution = PolicySolver(path=path, device="cpu").solve(TSP, [instance], BUDGET)[0]
    shortest = min(tours, key=Instance(points).tour_length)
    assert solution.objective == min(map(instance.tour_length, tours)) < instance.tour_length(shortest)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((6, 2)),
        np.random.default_rng(0).random((6, 2)) * 1e9,
        np.random.default_rng(0).random((6, 2)) * 1e-9 + 1e3,
        np.arange(12.0).reshape(6, 2),
    ],
    ids=["all equal", "huge", "tiny and far away", "in a line"],
)
def test_odd_coordinates_are_solved(path, points):
    assert PolicySolver(path=path, device="cpu").solve(TSP, [Instance(points)], BUDGET)[0].feasible


def test_a_size_outside_the_trained_range_gives_a_warning(path):
    with pytest.warns(UserWarning, match="trained on 1 to 40 nodes; 45 nodes are outside"):
        PolicySolver(path=path, device="cpu", augmentations=1, starts=1).solve(TSP, instances(45), BUDGET)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PolicySolver(path=path, device="cpu", augmentations=1, starts=1).solve(TSP, instances(40), BUDGET)


class StepClock(Clock):
    """A clock that advances by a second with each reading, shared by all clocks: it does not depend on the machine."""

    now = 0

    def __init__(self, limit):
        super().__init__(limit)
        self.begun = StepClock.now

    @property
    def elapsed(self):
        StepClock.now += 1
        return StepClock.now - self.begun


@pytest.fixture
def step_clock(monkeypatch):
    monkeypatch.setattr("policies.solver.Clock", StepClock)
    monkeypatch.setattr(StepClock, "now", 0)


def test_instances_for_which_there_is_no_time_have_no_solution(path, step_clock):
    solutions = PolicySolver(path=path, device="cpu").solve(TSP, instances(*[30] * 20), Budget(0.5))
    assert not any(solution.feasible for solution in solutions)
    assert "time limit" in solutions[-1].violations[0]


def test_decoding_ends_within_a_few_steps_of_the_time_limit(path, step_clock, monkeypatch):
    monkeypatch.setattr("policies.batch_decoding.BATCH_ELEMENTS", 1)  # the symmetries one after another
    monkeypatch.setattr("policies.batch_decoding.UNSURE", 1e9)  # on this clock everything takes longer than predicted
    solver = PolicySolver(path=path, device="cpu", samples=16)
    whole = solver.solve(TSP, instances(30), Budget(1e6))[0]
    needed = StepClock.now
    for limit in (20, 60, 100, 150):
        StepClock.now = 0
        answer = solver.solve(TSP, instances(30), Budget(limit))[0]
        assert StepClock.now < limit + 20 < needed
        assert answer.feasible == (limit > 40)  # a tour takes 30 steps
        assert not answer.feasible or answer.objective >= whole.objective


@pytest.mark.parametrize("options", [{"width": 16}, {"decoding": "distinct"}, {"search": "eas", "samples": 4}])
def test_beams_and_active_search_end_within_a_few_steps_of_the_time_limit(path, step_clock, monkeypatch, options):
    monkeypatch.setattr("policies.batch_decoding.Clock", StepClock)
    monkeypatch.setattr("policies.batch_decoding.BATCH_ELEMENTS", 1)
    monkeypatch.setattr("policies.batch_decoding.UNSURE", 1e9)
    monkeypatch.setattr("policies.batch_decoding.TRAINING_WORK", 0.0)
    solver = PolicySolver(path=path, device="cpu", **options)
    for limit in (20, 60, 100, 150):
        StepClock.now = 0
        answer = solver.solve(TSP, instances(30), Budget(limit))[0]
        assert StepClock.now < limit + 40
        assert answer.feasible == (limit > 40)


def test_active_search_uses_the_time_and_reports_each_better_answer(path):
    reports = []
    solver = PolicySolver(path=path, device="cpu", search="eas", samples=4, augmentations=2)
    assert not solver.one_shot
    clock = Clock(1)
    given = instances(25, 18)
    answers = solver.solve(TSP, given, Budget(0.5), report=lambda i, solution: reports.append((i, solution)))
    assert 0.7 < clock.elapsed < 2 * 0.5 * 1.1 + 0.1
    for i, answer in enumerate(answers):
        values = [solution.objective for k, solution in reports if k == i]
        assert len(values) > 2
        assert values == sorted(values, reverse=True)
        assert values[-1] == answer.objective == check(TSP, given[i], answer.tours).objective
    assert PolicySolver(search="eas", steps=3).one_shot


def test_active_search_is_refused_where_prizes_are_hidden(paths):
    solver = PolicySolver(path=paths["spctsp"], device="cpu", search="eas")
    with pytest.raises(ValueError, match="search=eas in spctsp, which hides prizes; expected quick or thorough"):
        solver.solve(PROBLEMS["spctsp"], [tiny_instance("spctsp", 0)], BUDGET)


@pytest.mark.parametrize("search", ["quick", "thorough"])
def test_a_search_of_orders_is_refused_where_no_prizes_are_hidden(paths, search):
    solver = PolicySolver(path=paths["op"], device="cpu", search=search)
    with pytest.raises(ValueError, match=f"search={search} in op, which hides no prizes; expected eas"):
        solver.solve(PROBLEMS["op"], [tiny_instance("op", 0)], BUDGET)


def test_active_search_samples_several_trajectories_in_every_problem(paths):
    for problem in PROBLEMS.values():
        loaded = Loaded(*[None] * 4, samples=5, decoding=Decoding(), augmentations=1)
        loaded = replace(loaded, env=RoutingEnv(problem))
        solver = PolicySolver(device="cpu", search="eas")
        assert solver.method.trajectories(loaded, 30) == (30 if problem.shape.is_closed else 5)


def test_beams_need_more_memory_than_their_trajectories_alone(path):
    policy, info = load_policy(path)
    loaded = Loaded(policy, RoutingEnv("tsp"), info.sizes, path, samples=2000, decoding=Decoding(), augmentations=1)
    sizes = {}
    for options in ({"decoding": "greedy", "starts": 1}, {"width": 2000}, {"search": "eas", "decoding": "sampling"}):
        solver = PolicySolver(path=path, device="cpu", **options)
        sizes[str(options)] = solver.method.elements(loaded, 50)
    few, beam, active = sizes.values()
    assert beam == 50 * 2000 * 12 > few
    assert active == 50 * 2000 * 12  # 50 steps, of a byte a node


def test_a_longer_limit_than_needed_changes_nothing(path):
    solver = PolicySolver(path=path, device="cpu", samples=4)
    pressed = PolicySolver(path=path, device="cpu", samples=4)
    whole = solver.solve(TSP, instances(30), Budget(1e4))[0]
    # the prediction is so pessimistic that a greedy tour comes first
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policies.batch_decoding.UNSURE", 1e9)
        again = pressed.solve(TSP, instances(30), Budget(1e4))[0]
    assert whole.tours[0].tolist() == again.tours[0].tolist()


def test_an_instance_that_cannot_be_encoded_in_time_is_refused_by_its_size(path):
    solver = PolicySolver(path=path, device="cpu")
    large = Instance(np.random.default_rng(0).random((5_000, 2)))
    assert solver.refusal(TSP, large, 1e-3).startswith("5000 nodes: policy needs about")
    assert solver.refusal(TSP, large, 1e3) is None
    assert solver.refusal(TSP, instances(50)[0], 0.1) is None
    answer = solver.solve(TSP, [large], Budget(1e-3))[0]
    assert answer.violations[0].startswith("5000 nodes")


def test_torch_has_as_many_threads_after_solving_as_before(path):
    before = torch.get_num_threads()
    PolicySolver(path=path, device="cpu").solve(TSP, instances(5), Budget(60, threads=before + 1))
    assert torch.get_num_threads() == before


def test_an_instance_without_planar_coordinates_and_matrix_is_refused(path):
    with pytest.raises(ValueError, match="m: a policy needs coordinates in the plane, or a matrix"):
        PolicySolver(path=path, device="cpu").solve(TSP, [Instance(np.ones((4, 3)), name="m")], BUDGET)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(
    "options",
    [{"decoding": "greedy"}, {"samples": 8}, {"width": 8}, {"decoding": "distinct"}, {"search": "eas", "steps": 2}],
    ids=str,
)
def test_every_problem_is_answered_in_all_kinds_of_instances(paths, problem, options):
    """Matrices, other depots and ends, whole numbers: see `tiny_instance`."""
    given = [tiny_instance(problem, seed, 3 + seed % 4) for seed in range(16)]
    if PROBLEMS[problem].reveals and "search" in options:
        pytest.skip("refused")
    solver = PolicySolver(path=paths[problem], device="cpu", **options)
    solutions = solver.solve(PROBLEMS[problem], given, BUDGET)
    answered = [solution.feasible for solution in solutions]
    for instance, solution in zip(given, solutions, strict=True):
        again = check(PROBLEMS[problem], instance, solution.tours, amounts=solution.amounts)
        assert (solution.feasible, solution.violations) == (again.feasible, again.violations)
        assert solution.feasible or DEAD_ENDS & {*PROBLEMS[problem].needs, *("num_tours",) * bool(instance.num_tours)}
    assert sum(answered) > 8


DEAD_ENDS = {"time_windows", "num_tours"}
"""Rules that a solution of one pass may break, since its steps cannot be undone."""


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_allowed_nodes_have_all_the_probability(paths, problem):
    instance = tiny_instance(problem, 0, 5)
    solver = PolicySolver(path=paths[problem], device="cpu")
    starting = solver.next_probabilities(PROBLEMS[problem], instance)
    assert starting.shape == (5,)
    assert starting.sum() == pytest.approx(1, abs=1e-5)
    node = next(int(node) for node in starting.argsort()[::-1] if node not in (instance.depot, instance.finish))
    after = solver.next_probabilities(PROBLEMS[problem], replace(instance, underway=Underway((node,))))
    assert after.sum() == pytest.approx(1, abs=1e-5)
    assert after[node] == 0 or PROBLEMS[problem].may_stay or PROBLEMS[problem].may_wait
    assert (after != starting).any()


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_tour_under_way_is_continued(paths, problem):
    size = 4 if problem == "sdvrp" or PROBLEMS[problem].may_wait else 6  # more have too many solutions
    instance = replace(tiny_instance(problem, 0, size), time_windows=None)
    if "time_windows" in PROBLEMS[problem].needs:
        windows = np.array([[0.0, 1e6]] * size)
        instance = replace(instance, time_windows=windows)
    ways = [s.tours[0].tolist() for s in feasible_solutions(PROBLEMS[problem], instance).values() if s.tours]
    longest = max(ways, key=len)
    begun = replace(instance, underway=Underway(tuple(longest[1:3])))
    (solution,) = PolicySolver(path=paths[problem], device="cpu").solve(PROBLEMS[problem], [begun], BUDGET)
    assert solution.feasible, solution.violations
    assert solution.tours[0].tolist()[:3] == longest[:3]


def test_what_was_really_used_decides_which_nodes_are_allowed(paths):
    points = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    instance = Instance(points, prizes=np.array([0.0, 1.0, 1.0, 1.0]), max_length=5.0)
    begun = replace(instance, underway=Underway((1,), travelled=1.0))  # a short cut: by plan it is too far
    chances = PolicySolver(path=paths["op"], device="cpu").next_probabilities(PROBLEMS["op"], begun)
    assert chances.sum() == pytest.approx(1, abs=1e-5)
    assert chances[3] > 0


def test_one_solver_answers_each_problem_by_its_own_objective(paths):
    solver = PolicySolver(path=paths["tsptw"], device="cpu")
    given = [tiny_instance("tsptw", seed, 6) for seed in range(10)]
    solver.solve(PROBLEMS["tsptw"], given, BUDGET)
    again = solver.solve(PROBLEMS["tsptw-makespan"], given, BUDGET)
    alone = PolicySolver(path=paths["tsptw"], device="cpu").solve(PROBLEMS["tsptw-makespan"], given, BUDGET)
    assert [s.objective for s in again] == [s.objective for s in alone]
    with pytest.raises(ValueError, match="a policy for tsptw, expected one for cvrp"):
        solver.solve(PROBLEMS["cvrp"], [tiny_instance("cvrp", 0)], BUDGET)


def test_a_policy_of_another_problem_is_refused(paths):
    with pytest.raises(ValueError, match="a policy for op, expected one for pctsp"):
        PolicySolver(path=paths["op"], device="cpu").solve(PROBLEMS["pctsp"], [tiny_instance("pctsp", 0)], BUDGET)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"samples": 0}, "samples=0, expected 1 or more"),
        ({"samples": 10**8}, "samples=100000000, expected at most 100000"),
        ({"augmentations": 9}, "augmentations=9, expected 1 to 8"),
        ({"starts": -1}, "starts=-1"),
        ({"temperature": 0.0, "decoding": "sampling"}, "temperature=0.0"),
        ({"temperature": 1e-300, "decoding": "sampling"}, "temperature=1e-300, expected a number from 1e-06 to 1e"),
        ({"temperature": 2.0, "decoding": "greedy"}, "temperature are of sampling, expected no decoding=greedy"),
        (
            {"samples": 4, "decoding": "beam"},
            "samples and temperature are of sampling, expected no decoding=beam beside",
        ),
        ({"samples": 4, "width": 4}, "samples and temperature are of sampling, expected no width beside"),
        ({"width": 0}, "width=0, expected 1 or more"),
        ({"width": 10**8}, "width=100000000, expected at most 100000"),
        ({"width": 4, "decoding": "distinct"}, "width is of beam search, expected no decoding=distinct beside"),
        ({"width": 4, "starts": 5}, "starts=5, expected at most the beam's width of 4"),
        ({"steps": 0, "search": "eas"}, "steps=0, expected 1 or more"),
        ({"steps": 4}, "steps is of efficient active search, expected search=eas beside"),
        ({"steps": 4, "search": "thorough"}, "expected search=eas beside"),
        ({"search": "eas", "precision": "bfloat16"}, "search=eas trains in float32, expected no precision=bfloat16"),
        ({"search": "eas", "width": 4}, "search=eas samples, expected no decoding=beam beside"),
        ({"search": "eas", "decoding": "greedy"}, "search=eas samples, expected no decoding=greedy beside"),
        ({"search": "eas", "temperature": 2.0}, "samples at temperature 1, expected no temperature beside"),
        ({"device": "gpu9"}, "device 'gpu9' is not there"),
    ],
)
def test_a_bad_option_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        PolicySolver(**options)


SHIPPED = {policy.name: policy for policy in shipped_policies()}


def test_every_policy_that_the_docs_name_is_shipped():
    assert {"tsp", "op", "pctsp", "spctsp", "cvrp", "tsptw", "hall-op", "hall-optw"} <= SHIPPED.keys()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_policy_solves_instances_of_its_sizes(name):
    policy = SHIPPED[name]
    problem, distribution = get_problem(policy.problem), "hall" if policy.distances else "uniform"
    sizes = [nodes - node_count(problem, 0) for nodes in policy.sizes]
    given = [generate_instances(problem.name, distribution, size, 1, 5)[0] for size in sizes]
    assert find_policy(problem.name, given[0].size, matrix=policy.distances) == policy
    solver = PolicySolver(device="cpu", starts=4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(s.feasible for s in solver.solve(problem, given, BUDGET))


def test_no_shipped_policy_stands_for_a_problem_with_a_further_rule(paths):
    given = replace(tiny_instance("op", 0), problem="op", min_prize=0.5)
    problem = problem_of(given)
    assert PolicySolver(device="cpu").supports(PROBLEMS["op"])
    assert not PolicySolver(device="cpu").supports(problem)
    with pytest.raises(ValueError, match="'policy' does not support problem 'op with a prize quota'"):
        PolicySolver(device="cpu").solve(problem, [given], BUDGET)
    with pytest.raises(ValueError, match="a policy for op, expected one for op with a prize quota"):
        PolicySolver(path=paths["op"], device="cpu").solve(problem, [given], BUDGET)

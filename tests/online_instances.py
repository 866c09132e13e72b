"""Sessions with whole-number times, in which an exact program, the checker and planners agree to the bit."""

from itertools import product

import numpy as np

from tsp.instance import Instance, Realization
from tsp.problems import get_problem
from tsp.solution import check


def whole_session(name: str, seed: int, n: int, outcomes: int, limit: int = 300, *, windows: bool = False) -> Instance:
    """A session with n customers; visits take about an eighth of a session of 300."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 61, (n + 1, 2))
    distances = np.ceil(np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1)))
    times = np.round(rng.uniform(15, 60, (n + 1, 1)) * rng.lognormal(-0.25, 0.7, (n + 1, outcomes)))
    prizes = np.tile(rng.integers(5, 51, (n + 1, 1)), (1, outcomes)).astype(float)
    given = {}
    if name == "opst":
        times[0] = 0
        given |= {"law_service_times": times, "prizes": prizes[:, 0] * (np.arange(n + 1) > 0)}
    else:
        waits = np.where(rng.random(times.shape) < 0.12, np.inf, np.round(0.7 * times))
        law = np.where(np.isinf(waits), 0, np.round(2 * prizes * rng.random(times.shape)))
        waits[0], law[0] = 0, 0
        service = np.round(0.4 * times.mean(1)) * (np.arange(n + 1) > 0)
        given |= {"law_waits": waits, "law_prizes": law, "service_times": service}
    if windows:
        opens = np.round(rng.uniform(0, 0.6 * limit, n + 1)) * (np.arange(n + 1) > 0)
        closes = opens + np.round(rng.uniform(0.15 * limit, 0.4 * limit, n + 1))
        closes[0] = limit
        given["time_windows"] = np.stack([opens, closes], 1)
    return Instance(matrix=distances, max_length=limit, problem=name, **given)


def realizations(instance: Instance) -> list[Realization]:
    """Every joint outcome of all nodes, all equally likely."""
    laws = {
        name: law
        for name in ("service_times", "waits", "prizes")
        if (law := getattr(instance, f"law_{name}")) is not None
    }
    outcomes = next(iter(laws.values())).shape[1]
    customers = np.arange(1, instance.size)
    found = []
    for drawn in product(range(outcomes), repeat=len(customers)):
        values = {name: law[:, 0].copy() for name, law in laws.items()}
        for name, law in laws.items():
            values[name][customers] = law[customers, list(drawn)]
        found.append(Realization(**values))
    return found


def best_policy(name: str, instance: Instance) -> float:
    """Expected prize of the best policy, by trying every one; prizes are the checker's."""
    problem, worlds = get_problem(name), realizations(instance)
    if instance.time_windows is not None:
        from tsp.composition import problem_of

        problem = problem_of(instance)

    def observed(world: Realization, node: int) -> tuple[float, ...]:
        hidden = (world.service_times, world.waits, world.prizes)
        return tuple(float(values[node]) for values in hidden if values is not None)

    def best(tour: list[int], possible: list[Realization]) -> float:
        """The sum over the possible worlds of the prize of the best policy that has made this tour."""
        made = [check(problem, instance, [tour], realization=world) for world in possible]
        if not all(solution.feasible for solution in made):
            return -np.inf
        value = sum(solution.objective for solution in made)
        nodes = [node for node in range(1, instance.size) if node not in tour]
        if problem.may_stay and len(tour) > 1 and tour[-1] != tour[-2]:
            nodes.append(tour[-1])
        for node in nodes:
            parts: dict[tuple[float, ...], list[Realization]] = {}
            for world in possible:
                parts.setdefault(observed(world, node), []).append(world)
            value = max(value, sum(best([*tour, node], part) for part in parts.values()))
        return value

    return best([0], worlds) / len(worlds)


def drawn_day(instance: Instance, seed: int) -> Realization:
    """An outcome of each node, drawn at random."""
    laws = {name: getattr(instance, f"law_{name}") for name in ("service_times", "waits", "prizes")}
    known = {name: law for name, law in laws.items() if law is not None}
    outcomes = next(iter(known.values())).shape[1]
    drawn = np.random.default_rng(seed).integers(0, outcomes, instance.size)
    return Realization(**{name: law[np.arange(instance.size), drawn] for name, law in known.items()})

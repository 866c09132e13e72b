"""Generators draw the documented distributions in the unit square, and a seed repeats them."""

import numpy as np
import pytest
import torch
from brute_force import feasible_solutions
from scipy.spatial import cKDTree

from envs import kool_sets
from envs.generators import (
    GENERATORS,
    generate,
    generate_instances,
    generate_set,
    node_count,
    require_distribution,
    to_instances,
)
from tsp.problems import PROBLEMS, get_problem
from tsp.solution import check

EVERY = pytest.mark.parametrize("distribution", sorted(GENERATORS))
EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS)


def draw(distribution, count=50, size=40, seed=0, problem="tsp"):
    return generate(problem, distribution, count, size, torch.Generator().manual_seed(seed))


def points(distribution, count=50, size=40, seed=0):
    return draw(distribution, count, size, seed).coordinates


def tensors(batch):
    return {name: x for name, x in (*batch._asdict().items(), *batch.values.items()) if isinstance(x, torch.Tensor)}


@EVERY
@EVERY_PROBLEM
@pytest.mark.parametrize(("count", "size"), [(1, 1), (3, 2), (2, 30)])
def test_drawn_attributes_have_their_shapes_and_ranges(problem, distribution, count, size):
    if distribution == "hall" and not PROBLEMS[problem].shape.has_depot:
        size = max(size, 2)  # the coffee corner, and a poster at least
    batch = draw(distribution, count, size, problem=problem)
    n = node_count(PROBLEMS[problem], size)
    assert n == size + (problem not in ("tsp", "atsp", "shpp"))
    assert batch.coordinates.shape == (count, n, 2)
    assert batch.coordinates.dtype == torch.float32
    assert ((batch.coordinates >= 0) & (batch.coordinates <= 1)).all()
    assert batch.distances is None or batch.distances.shape == (count, n, n)
    for instance in to_instances(problem, batch, "drawn")[0]:
        PROBLEMS[problem].validate(instance)


@EVERY
@EVERY_PROBLEM
def test_a_seed_fixes_the_instances_whatever_torch_drew_before(problem, distribution):
    first = tensors(draw(distribution, 3, 5, problem=problem))
    torch.rand(7)
    again, other = (tensors(draw(distribution, 3, 5, seed=seed, problem=problem)) for seed in (0, 1))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@EVERY
def test_instances_of_one_batch_differ(distribution):
    assert len(np.unique(points(distribution).numpy(), axis=0)) == 50


def mean_nearest(drawn):
    """Mean distance from a node to the nearest other, over all instances."""
    return float(np.mean([cKDTree(p).query(p, k=2)[0][:, 1].mean() for p in drawn.double().numpy()]))


def test_uniform_points_fill_the_square_evenly():
    quarters = (points("uniform", count=200) > 0.5).long() @ torch.tensor([1, 2])
    shares = torch.bincount(quarters.flatten(), minlength=4) / quarters.numel()
    assert shares.numpy() == pytest.approx(0.25, abs=0.02)


def test_clustered_points_lie_closer_than_mixed_ones_and_those_closer_than_uniform_ones():
    clusters, mixed, uniform = (mean_nearest(points(d, count=200)) for d in ("clusters", "mixed", "uniform"))
    assert clusters < 0.7 * uniform
    assert clusters < mixed < uniform


def test_distances_in_halls_are_walking_distances():
    batch = draw("hall", count=10, size=30)
    walked = batch.distances
    flown = (batch.coordinates[:, :, None] - batch.coordinates[:, None]).norm(dim=-1)
    assert (walked >= flown - 1e-5).all()
    assert ((walked - flown).amax((1, 2)) > 0.1).all()
    torch.testing.assert_close(walked, walked.transpose(1, 2))


def test_every_day_of_a_numbered_hall_is_in_that_hall():
    walls = [set(np.unique(points(name, 30, 40, seed)[..., 0].numpy().round(4))) for name, seed in (("hall-7", 0),) * 2]
    assert walls[0] == walls[1]
    other = set(np.unique(points("hall-8", 30, 40)[..., 0].numpy().round(4)))
    assert len(walls[0] & other) < len(walls[0]) / 2


def test_an_unknown_distribution_names_the_nearest():
    with pytest.raises(ValueError, match="unknown distribution 'unifrom'; did you mean 'uniform'"):
        draw("unifrom")


@EVERY
def test_an_instance_without_nodes_is_refused(distribution):
    with pytest.raises(ValueError, match="size: 0, expected at least one node"):
        draw(distribution, size=0)


@pytest.mark.parametrize("distribution", [*GENERATORS, "kool"])
def test_instances_are_named_and_fixed_by_their_seed(distribution):
    first, again = (generate_instances("tsp", distribution, size=6, count=3, seed=5) for _ in range(2))
    assert [i.name for i in first] == [f"{distribution}6[{k}]" for k in range(3)]
    assert [i.fingerprint for i in first] == [i.fingerprint for i in again]
    metric = "EXPLICIT" if distribution == "hall" else "euclidean"
    assert {(i.size, i.problem, i.metric) for i in first} == {(6, "tsp", metric)}


def test_an_unknown_distribution_of_instances_is_refused():
    with pytest.raises(ValueError, match="unknown distribution 'cool'"):
        generate_instances("tsp", "cool", size=6, count=3, seed=5)


@EVERY_PROBLEM
def test_instances_and_batches_have_the_same_numbers(problem):
    batch = draw("uniform", 3, 6, problem=problem)
    instances, hidden = to_instances(problem, batch, "x")
    assert (hidden is not None) == bool(PROBLEMS[problem].reveals)
    for k, instance in enumerate(instances):
        assert instance.problem == problem
        assert instance.finish == batch.finish[k]
        assert (instance.coordinates is None) == (problem == "atsp")
        for name, value in batch.values.items():
            found = getattr(hidden[k], name[5:]) if name.startswith("real_") else getattr(instance, name)
            assert found == pytest.approx(value[k].numpy(), abs=1e-6)
    assert [i.fingerprint for i in generate_set(problem, "uniform", 6, 3, seed=0)[0]] == [
        i.fingerprint for i in instances
    ]


# --- what Kool et al. draw ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 20, 35, 50, 100])
def test_limits_are_those_of_kool_et_al(size):
    assert draw("uniform", 1, size, problem="op").values["max_length"].tolist() == pytest.approx(
        [kool_sets.max_length(size)]
    )
    assert draw("uniform", 1, size, problem="cvrp").values["capacity"].tolist() == [kool_sets.capacity(size)]


def test_prizes_are_equal_or_uniform_or_grow_with_the_distance():
    const, unif, dist, default = (
        draw(name, 200, 20, problem="op").values["prizes"]
        for name in ("uniform-const", "uniform-unif", "uniform-dist", "uniform")
    )
    assert torch.equal(dist, default)
    for prizes in (const, unif, dist):
        assert not prizes[:, 0].any()
    assert (const[:, 1:] == 1).all()
    hundredths = 100 * unif[:, 1:]
    torch.testing.assert_close(hundredths, hundredths.round())
    assert (unif[:, 1:].min(), unif[:, 1:].max()) == (torch.tensor(0.01), 1)
    assert hundredths.mean().item() == pytest.approx(50.5, abs=2)
    coordinates = draw("uniform", 200, 20, problem="op").coordinates
    far = (coordinates[:, 1:] - coordinates[:, :1]).norm(dim=-1)
    expected = (1 + (99 * far / far.amax(1, keepdim=True)).floor()) / 100
    assert (dist[:, 1:] - expected).abs().max() < 0.0101  # the floor may fall to either side
    assert (dist[:, 1:].amax(1) == 1).all()


def test_a_quota_is_half_of_what_is_expected_and_the_real_prizes_are_around_it():
    values = draw("uniform", 500, 20, problem="spctsp").values
    prizes, real, penalties = (values[name][:, 1:] for name in ("prizes", "real_prizes", "penalties"))
    assert (values["min_prize"] == 1).all()
    assert prizes.sum(1).mean().item() == pytest.approx(2, abs=0.05)
    assert prizes.max() <= 4 / 20
    assert ((real >= 0) & (real <= 2 * prizes)).all()
    assert (real / prizes).mean().item() == pytest.approx(1, abs=0.03)
    assert penalties.max().item() == pytest.approx(3 * 2 / 20, rel=0.01)
    assert "real_prizes" not in draw("uniform", 5, 20, problem="pctsp").values


def test_demands_are_whole_from_1_to_9():
    demands = draw("uniform", 100, 20, problem="cvrp").values["demands"]
    assert not demands[:, 0].any()
    assert demands[:, 1:].unique().tolist() == list(range(1, 10))


# --- time windows and matrices --------------------------------------------------------------------


@pytest.mark.parametrize("distribution", ["uniform-easy", "uniform-medium", "uniform-hard", "uniform", "clusters"])
def test_all_windows_of_one_tour_can_be_kept(distribution):
    instances, _ = generate_set("tsptw", distribution, 5, 6, seed=1)
    for instance in instances:
        assert feasible_solutions(PROBLEMS["tsptw"], instance)


def test_easy_windows_are_wider_than_medium_ones():
    def widths(name):
        windows = draw(name, 100, 20, problem="tsptw").values["time_windows"][:, 1:]
        return (windows[..., 1] - windows[..., 0]).mean().item()

    assert widths("uniform-easy") > 2 * widths("uniform-medium") > 0
    assert widths("uniform") == widths("uniform-medium")


@EVERY
@pytest.mark.parametrize("problem", ["optw", "cvrptw"])
def test_each_node_alone_can_be_visited_in_its_window(problem, distribution):
    instances, _ = generate_set(problem, distribution, 12, 5, seed=2)
    for instance in instances:
        for node in range(1, instance.size):
            said = check(PROBLEMS[problem], instance, [[0, node]]).violations
            assert not any("latest" in sentence for sentence in said), said


def test_drawn_matrices_are_asymmetric_and_satisfy_the_triangle_inequality():
    matrix = draw("uniform", 5, 12, problem="atsp").distances
    assert (matrix - matrix.transpose(1, 2)).abs().max() > 0.1
    detours = (matrix[:, :, :, None] + matrix[:, None]).amin(2)
    assert (matrix <= detours + 1e-6).all()
    assert not matrix.diagonal(dim1=1, dim2=2).any()


@pytest.mark.parametrize("place", ["uniform", "hall"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_variant_is_refused_where_it_changes_nothing(problem, place):
    def drawn(distribution):
        return generate(problem, distribution, 20, 12, torch.Generator().manual_seed(3))

    def is_changed(variant):
        one, other = drawn(place), drawn(f"{place}-{variant}")
        return any(not torch.equal(values, other.values[name]) for name, values in one.values.items())

    for variant in ("const", "unif", "easy", "hard", "steady", "sparse", "varied"):
        distribution = f"{place}-{variant}"
        if is_changed(variant):
            require_distribution(get_problem(problem), distribution)
            continue
        with pytest.raises(ValueError, match=f"'{variant}' changes nothing of problem '{problem}', expected '{place}'"):
            generate_set(problem, distribution, 12, 1, 3)


@pytest.mark.parametrize(("problem", "place"), [("op", "uniform"), ("dop", "hall")])
def test_varied_lengths_lie_between_half_and_two_and_a_half_times_the_usual_one(problem, place):
    usual, varied = (draw(name, 300, 12, problem=problem).values["max_length"] for name in (place, f"{place}-varied"))
    shares = varied / usual
    assert shares.min() >= 0.5 - 1e-6
    assert shares.max() <= 2.5 + 1e-6
    assert shares.min() < 0.6
    assert shares.max() > 2.4

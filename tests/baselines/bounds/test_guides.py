import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.bounds.guides import AlphaNearness, Distance, Quadrant, TourUnion, quadrant_neighbours
from baselines.kernels.geometry import geometry_of
from tsp.instance import Instance
from tsp.problems import get_problem

TSP = get_problem("tsp")


def short_union(**options):
    """A union of random tours, which suffice for these tests."""
    return TourUnion(
        find=lambda problem, instance, seed: np.random.default_rng(seed).permutation(instance.size), **options
    )


GUIDES = [Distance, Quadrant, AlphaNearness, short_union]


def some_instance(n, seed):
    rng = np.random.default_rng([n, seed])
    if seed % 4 == 0:
        matrix = rng.integers(0, 20, (n, n))
        return Instance(matrix=matrix + matrix.T)
    if seed % 4 == 1:
        return Instance(rng.integers(0, 4, (n, 2)), metric="EUC_2D")  # many nodes on one spot
    return Instance(rng.random((n, 2 if seed % 4 == 2 else 3)))


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(0, 99), st.sampled_from(GUIDES), st.integers(1, 12))
def test_candidate_lists_are_complete_without_own_nodes_or_repetitions(n, seed, guide, k):
    lists = guide(neighbours=k).candidates(TSP, [some_instance(n, seed)])[0]
    assert lists.dtype == np.int64
    assert lists.shape == (n, min(k, n - 1))
    assert ((lists >= 0) & (lists < n)).all()
    for i, row in enumerate(lists.tolist()):
        assert len({i, *row}) == len(row) + 1


@pytest.mark.parametrize("guide", GUIDES)
def test_the_lists_of_an_instance_do_not_depend_on_other_instances(guide):
    instances = [some_instance(n, 2) for n in (30, 7)]
    both = guide().candidates(TSP, instances)
    for instance, lists in zip(instances, both, strict=True):
        np.testing.assert_array_equal(guide().candidates(TSP, [instance])[0], lists)


def test_the_distance_guide_lists_the_nearest_first():
    instance = some_instance(50, 2)
    lists = Distance(neighbours=7).candidates(TSP, [instance])[0]
    distances = instance.distances + np.diag(np.full(50, np.inf))
    np.testing.assert_array_equal(lists, np.argsort(distances, axis=1)[:, :7])


def test_quadrant_lists_contain_nodes_outside_a_cluster():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.random((12, 2)), rng.random((12, 2)) + np.array([3, 0])])
    lists = Quadrant(neighbours=8).candidates(TSP, [Instance(points)])[0]
    easternmost = int(points[:12, 0].argmax())
    assert (lists[easternmost] >= 12).any()
    assert not (Distance(neighbours=8).candidates(TSP, [Instance(points)])[0][:12] >= 12).any()


def test_alpha_lists_contain_nodes_outside_a_large_cluster():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.random((100, 2)), rng.random((100, 2)) + np.array([30, 0])])
    lists = AlphaNearness().candidates(TSP, [Instance(points)])[0]
    crossing = (lists >= 100) != (np.arange(200) >= 100)[:, None]
    assert crossing.any(axis=1)[:100].sum() >= 2
    assert crossing.any(axis=1)[100:].sum() >= 2


@settings(max_examples=30)
@given(st.integers(5, 30), st.integers(0, 99), st.integers(1, 3))
def test_quadrant_lists_contain_the_nearest_nodes_of_every_quadrant(n, seed, share):
    points = np.random.default_rng([n, seed]).random((n, 2))
    lists = quadrant_neighbours(geometry_of(Instance(points)), points, 4 * share)
    for i in range(n):
        gaps = np.delete(points, i, axis=0) - points[i]
        others = np.delete(np.arange(n), i)
        looked_at = np.argsort((gaps**2).sum(axis=1))[: 12 * share]
        for east in (False, True):
            for north in (False, True):
                inside = [m for m in looked_at if ((gaps[m] > 0) == (east, north)).all()]
                assert set(others[inside[:share]]) <= set(lists[i].tolist())


def test_alpha_lists_contain_more_edges_of_a_short_tour_than_lists_of_the_nearest():
    from baselines.tours.iterated_search import LinKernighan
    from tsp.budget import Budget

    instance = Instance(np.random.default_rng(5).random((300, 2)))
    tour = LinKernighan(kicks=2000).solve(TSP, [instance], Budget(60.0))[0].tours[0]
    missing = {}
    for guide in (Distance(neighbours=5), AlphaNearness(neighbours=5)):
        lists = guide.candidates(TSP, [instance])[0]
        edges = [*zip(tour, np.roll(tour, 1), strict=True), *zip(tour, np.roll(tour, -1), strict=True)]
        ranks = [(*lists[a].tolist(), b).index(b) for a, b in edges]
        missing[guide.name] = np.mean(ranks)
    assert missing["alpha"] < 0.8 * missing["distance"]


def test_tour_union_lists_the_most_frequent_neighbours_first():
    tours = [[0, 1, 2, 3, 4, 5, 6], [0, 1, 3, 2, 4, 6, 5], [0, 1, 4, 2, 5, 3, 6]]
    guide = TourUnion(neighbours=4, tours=3, find=lambda problem, instance, seed: np.array(tours[seed]))
    lists = guide.candidates(TSP, [some_instance(7, 2)])[0]
    assert lists[0, 0] == 1
    assert lists[0, 1] == 6
    assert set(lists[2, :2]) == {3, 4}


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_with_zero_neighbours_is_refused(guide):
    with pytest.raises(ValueError, match="neighbours: 0, expected 1 or more"):
        guide(neighbours=0)

"""An instance is whole, in canonical form and unchangeable once it is made."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tsp.instance import EXPLICIT, LARGEST_MATRIX, LIMITS, NODE_VALUES, USED, Instance, Underway

SQUARE = [[0, 0], [0, 3], [4, 3], [4, 0]]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "an instance needs coordinates or a matrix"),
        ({"coordinates": np.empty((0, 2))}, "at least one node"),
        ({"matrix": np.empty((0, 0))}, "at least one node"),
        ({"coordinates": []}, r"coordinates: shape \(0,\), expected \(n, 2\) or \(n, 3\)"),
        ({"coordinates": [[1, 2, 3]], "metric": "EUC_2D"}, r"shape \(1, 3\), expected \(n, 2\) for EUC_2D"),
        ({"coordinates": [[1, 2], [3]]}, "coordinates: expected an array of numbers"),
        ({"coordinates": [["a", "b"]]}, "coordinates: expected an array of numbers"),
        ({"coordinates": [[0, 0], [1, np.nan]]}, r"coordinates\[1, 1\]: nan, expected a finite number"),
        ({"coordinates": [[0, -np.inf]]}, r"coordinates\[0, 1\]: -inf, expected a finite number"),
        ({"coordinates": [[0, 1e300]]}, r"coordinates\[0, 1\]: 1e\+300, expected a finite number up to 1e\+100"),
        ({"coordinates": SQUARE, "metric": "EUC2D"}, "metric: 'EUC2D' is unknown"),
        ({"matrix": [[0, 1, 2], [1, 0, 2]]}, r"matrix: shape \(2, 3\), expected \(n, n\)"),
        ({"matrix": [[0, -np.inf], [1, 0]]}, r"matrix\[0, 1\]: -inf"),
        ({"matrix": [[0, 1], [-1, 0]]}, r"matrix\[1, 0\]: -1, expected a distance of 0 or more"),
        ({"matrix": [[0, 1], [1, 0]], "coordinates": SQUARE}, "4 points beside a matrix of 2 nodes"),
        ({"coordinates": SQUARE, "names": ("a", "b")}, "names: 2 for 4 nodes"),
        ({"coordinates": SQUARE, "extras": {"title": ("a",)}}, r"extras\['title'\]: 1 for 4 nodes"),
        ({"coordinates": SQUARE, "depot": 4}, "depot: 4, expected a node from 0 to 3"),
        ({"coordinates": SQUARE, "fixed_edges": [[0, 4]]}, "fixed_edges: 0-4, expected two different nodes"),
        ({"coordinates": SQUARE, "fixed_edges": [[2, 2]]}, "fixed_edges: 2-2, expected two different nodes"),
    ],
)
def test_an_invalid_field_is_refused_in_one_sentence(fields, sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        Instance(**fields)
    assert "\n" not in str(refusal.value)


NO_TEXT = (None, 1, True, ["tsp"])
NO_FLAG = (None, 1, "yes")
NO_LIMIT = (True, "5", float("nan"), float("inf"), -1, [1], np.array([1, 2]))
NO_NODE = (True, "1", 1.5, float("nan"), float("inf"), -1, 4, [1])
NO_COLUMN = (True, 1, "1111", ["1"] * 4, [1, 2, 3], [[1]] * 4, [1, 2, 3, -1], [1, 2, 3, np.nan], [1, 2, 3, np.inf])
WRONG = {
    "metric": NO_TEXT,
    "problem": NO_TEXT,
    "name": NO_TEXT,
    "objective": NO_TEXT[1:],
    "free_start": NO_FLAG,
    "unit": ("ft", 1, b"km"),
    "free_end": NO_FLAG,
    "is_clock": NO_FLAG,
    "speed": (*NO_LIMIT, 0, 1e9),
    "day": ("today", 20261124, ""),
    "best_known": (True, "7542", float("nan"), float("inf")),
    "names": ("abcd", 4, [1, 2, 3, 4], ["a", "b", "c", None]),
    "extras": (None, [("title", "abcd")], {"title": "abcd"}, {"title": [1, 2, 3, 4]}),
    "depot": (None, *NO_NODE),
    "end": NO_NODE,
    **dict.fromkeys(NODE_VALUES, NO_COLUMN),
    **dict.fromkeys(LIMITS, NO_LIMIT),
    "num_tours": (*NO_LIMIT, 0, 1.5),
    "time_windows": ("now", [[0, 1]] * 3, [["0", "1"]] * 4, [[0, np.nan]] * 4, [[2, 1]] * 4, [0, 1]),
    "fixed_edges": ("0-1", [0, 1], [[0, 1.5]], [[0, 1, 2]], [["0", "1"]], [[0, 4]], [[-1, 0]]),
    "underway": ((1, 2), 1, "1"),
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_value_of_another_type_is_refused_by_the_name_of_its_field(field, value):
    with pytest.raises(ValueError, match=rf"^{field}\b.*(expected|is unknown| for 4 nodes)") as refusal:
        Instance(coordinates=SQUARE, **{field: value})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("visited", value) for value in (1, "12", None, (1.7,), (True,), ("1",), (float("nan"),), ([1],))],
        *[(name, value) for name in USED for value in NO_LIMIT],
        *[("others", value) for value in (1, Underway((1,)), ((1,),), [Underway((1,), others=[Underway((2,))])])],
    ],
)
def test_a_tour_under_way_with_a_value_of_another_type_is_refused_by_the_name_of_its_field(field, value):
    with pytest.raises(ValueError, match=f"^{field}: .*expected ") as refusal:
        Underway(**{field: value})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("node", [-1, 4])
def test_a_tour_under_way_has_visited_nodes_of_the_instance(node):
    with pytest.raises(ValueError, match=f"visited: {node}, expected a node from 0 to 3"):
        Instance(coordinates=SQUARE, underway=Underway((node,)))
    with pytest.raises(ValueError, match=f"visited: {node}, expected a node from 0 to 3"):
        Instance(coordinates=SQUARE, underway=Underway((1,), others=[Underway((node,))]))


BEGUN = st.builds(Underway, st.lists(st.integers(0, 9)), *[st.none() | st.floats(0, 1e9)] * 3)


@given(st.lists(BEGUN, min_size=1, max_size=4))
def test_several_tours_under_way_are_kept_in_their_order(tours):
    assert replace(tours[0], others=tours[1:]).tours == tuple(tours)


def test_numbers_of_numpy_are_plain_numbers_in_an_instance():
    instance = Instance(
        coordinates=SQUARE,
        depot=np.int8(1),
        end=np.float64(2),
        capacity=np.int64(3),
        num_tours=np.float32(2),
        free_start=np.False_,
        underway=Underway(np.array([3, 1]), elapsed=np.float32(2)),
    )
    plain = Instance(coordinates=SQUARE, depot=1, end=2, capacity=3, num_tours=2, underway=Underway((3, 1), elapsed=2))
    assert (
        repr(instance.underway)
        == repr(plain.underway)
        == "Underway(visited=(3, 1), elapsed=2.0, travelled=None, load=None, others=())"
    )
    for name in ("depot", "end", "capacity", "num_tours", "free_start"):
        assert type(getattr(instance, name)) is type(getattr(plain, name))
    assert instance.fingerprint == plain.fingerprint


def test_the_diagonal_of_a_matrix_is_ignored():
    a = Instance(matrix=[[np.nan, 1], [2, -5]])
    b = Instance(matrix=[[9999, 1], [2, np.inf]])
    assert a.matrix.tolist() == b.matrix.tolist() == [[0, 1], [2, 0]]
    assert a.fingerprint == b.fingerprint


def test_arrays_of_an_instance_are_read_only_copies():
    mine = np.array(SQUARE, dtype=float)
    instance = Instance(coordinates=mine)
    mine[0] = 9
    assert instance.coordinates.tolist() == SQUARE
    for array in (instance.coordinates, instance.distances):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        instance.name = "other"


def test_a_matrix_decides_the_distances_and_coordinates_are_for_drawing():
    instance = Instance(coordinates=[[0, 0, 0], [1, 1, 1]], matrix=[[0, 7], [5, 0]], metric="EUC_2D")
    assert instance.metric == EXPLICIT
    assert instance.tour_length([0, 1]) == 12
    assert not instance.symmetric


def test_tours_and_paths_of_any_size_have_the_sum_of_their_legs_as_length():
    instance = Instance(coordinates=SQUARE)
    assert instance.tour_length([0, 1, 2, 3]) == 14
    assert instance.tour_length([0]) == instance.tour_length([]) == 0
    assert instance.path_length([0, 1, 2, 3]) == 10
    assert instance.path_length([2]) == instance.path_length([]) == 0


@pytest.mark.parametrize("metric", ["euclidean", "EUC_2D", "CEIL_2D", "MAN_2D", "MAX_2D", "GEO", "ATT"])
def test_legs_are_the_entries_of_the_distance_matrix(metric):
    points = np.random.default_rng(1).integers(0, 4, (12, 2)) * 7.5  # some of them equal
    instance = Instance(coordinates=points, metric=metric)
    everyone = np.arange(12)
    np.testing.assert_array_equal(instance.legs(everyone[:, None], everyone[None]), instance.distances)


def test_two_nodes_at_one_place_have_distance_one_under_geo_as_in_tsplib():
    instance = Instance(coordinates=[[10, 10], [10, 10]], metric="GEO")
    assert instance.tour_length([0, 1]) == 2
    assert instance.distances.diagonal().tolist() == [0, 0]


@pytest.mark.parametrize(
    ("fields", "integral"),
    [
        ({"coordinates": SQUARE}, False),
        ({"coordinates": SQUARE, "metric": "CEIL_2D"}, True),
        ({"matrix": [[0.5, 2], [3, 0]]}, True),
        ({"matrix": [[0, 2.5], [3, 0]]}, False),
    ],
)
def test_integral_says_whether_every_distance_is_whole(fields, integral):
    assert Instance(**fields).integral is integral


def test_an_instance_too_large_for_a_matrix_refuses_distances_but_computes_legs():
    instance = Instance(coordinates=np.zeros((LARGEST_MATRIX + 1, 2)))
    with pytest.raises(ValueError, match="a full distance matrix is made up to"):
        _ = instance.distances
    assert instance.legs([0], [LARGEST_MATRIX]).tolist() == [0]


def test_a_free_end_and_a_named_one_are_refused():
    with pytest.raises(ValueError, match="end: node 2 beside a free end, expected one of them"):
        Instance(coordinates=SQUARE, end=2, free_end=True)


@pytest.mark.parametrize("given", [{"coordinates": SQUARE}, {"matrix": np.arange(16.0).reshape(4, 4)}])
def test_solvers_see_ways_back_of_length_0_in_place_of_a_free_end(given):
    instance = Instance(**given, depot=1, free_end=True, time_windows=[[0, 9]] * 4)
    expected = instance.distances.copy()
    expected[:, 1] = 0.0
    assert np.array_equal(instance.closed.distances, expected)
    assert (instance.closed.free_end, instance.closed.time_windows[:, 1].tolist()) == (False, [9, np.inf, 9, 9])
    assert instance.closed.closed is instance.closed
    assert instance.time_windows[1, 1] == 9


def test_fixed_edges_are_stored_sorted_and_once():
    edges = [[3, 1], [1, 3], [0, 2]]
    assert Instance(coordinates=SQUARE, fixed_edges=edges).fixed_edges.tolist() == [[0, 2], [1, 3]]
    assert Instance(coordinates=SQUARE, fixed_edges=np.empty((0, 2))).fixed_edges is None


def test_the_fingerprint_depends_on_every_number_that_a_solution_is_judged_by():
    instance = Instance(coordinates=SQUARE)
    changes = [
        *({name: [1, 2, 3, 4]} for name in NODE_VALUES),
        {"prizes": [1, 2, 3, 5]},
        *({name: value} for name in (*LIMITS, "num_tours") for value in (2, 3)),
        {"time_windows": [[0, 9]] * 4},
        {"time_windows": [[0, np.inf]] * 4},
        {"end": 2},
        {"free_start": True},
        {"free_end": True},
        {"underway": Underway()},
        *({"underway": Underway(visited)} for visited in ((1,), (1, 2), (2, 1))),
        *({"underway": Underway((1,), **{name: 2})} for name in USED),
        *({"underway": Underway((1,), others=others)} for others in ([Underway((2,))], [Underway((2,), load=1)])),
    ]
    prints = [replace(instance, **change).fingerprint for change in changes]
    assert len({*prints, instance.fingerprint}) == len(changes) + 1


def test_the_fingerprint_depends_on_values_and_not_on_how_they_are_written():
    same = [
        ({"end": 2}, {"end": np.int64(2)}),
        ({}, {"end": 0}),
        ({"depot": 1}, {"depot": 1, "end": 1}),
        ({"max_length": 2}, {"max_length": np.float32(2)}),
        ({"underway": Underway((1, 2), load=1)}, {"underway": Underway([np.int8(1), 2.0], load=np.float64(1))}),
    ]
    for one, other in same:
        assert Instance(SQUARE, **one).fingerprint == Instance(SQUARE, **other).fingerprint


def test_the_fingerprint_depends_on_numbers_and_not_on_names():
    instance = Instance(coordinates=SQUARE, metric="EUC_2D")
    print_ = instance.fingerprint
    same = replace(instance, name="x", names=tuple("abcd"), best_known=1.0, extras={"title": tuple("abcd")})
    negative_zero = replace(instance, coordinates=[[-0.0, 0], *SQUARE[1:]])
    assert same.fingerprint == negative_zero.fingerprint == print_
    others = [
        replace(instance, metric="CEIL_2D"),
        replace(instance, coordinates=[[1e-9, 0], *SQUARE[1:]]),
        replace(instance, coordinates=SQUARE[::-1]),
        replace(instance, fixed_edges=[[0, 1]]),
        replace(instance, fixed_edges=[[0, 2]]),
        Instance(matrix=instance.distances),
        Instance(coordinates=np.zeros((3, 2))),
        Instance(coordinates=np.zeros((2, 3))),
    ]
    prints = {other.fingerprint for other in others}
    assert len(prints) == len(others)
    assert print_ not in prints


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.just(2)), elements=st.floats(-1e100, 1e100)))
def test_distances_are_finite_up_to_the_largest_number(points):
    assert np.isfinite(Instance(coordinates=points).distances).all()


def test_an_instance_can_be_pickled():
    instance = Instance(coordinates=SQUARE, name="square", names=list("abcd"), demands=[0, 1, 2, 3])
    assert not instance.distances.flags.writeable
    copy = pickle.loads(pickle.dumps(instance))  # noqa: S301
    assert copy.fingerprint == instance.fingerprint
    assert copy.names == ("a", "b", "c", "d")
    assert not any(array.flags.writeable for array in (copy.coordinates, copy.distances, copy.demands))


def test_a_node_is_found_by_its_name_or_without_names_by_its_number_from_1():
    instance = Instance(coordinates=SQUARE, names=("Coffee", "A1", "0", "7305"), name="hall")
    assert [instance.find_node(text) for text in ("A1", "0", "7305")] == [1, 2, 3]
    with pytest.raises(ValueError, match=r"hall: node 'Cofee', expected .* as 'Coffee'; did you mean 'Coffee'\?$"):
        instance.find_node("Cofee")
    with pytest.raises(ValueError, match=r"hall: node '3', expected a name of the file, such as 'Coffee'$"):
        instance.find_node("3")  # where nodes have names, a position could be taken for one
    unnamed = Instance(coordinates=SQUARE)
    assert [unnamed.find_node(text) for text in ("1", "4")] == [0, 3]
    for text in ("0", "5", "-1", "²", ""):
        with pytest.raises(ValueError, match=f"instance: node '{text}', expected a number from 1 to 4$"):
            unnamed.find_node(text)


def test_the_repr_of_an_instance_is_short_and_names_its_arrays():
    text = repr(Instance(coordinates=SQUARE, name="square"))
    assert text == "Instance(square: 4 nodes, euclidean, coordinates)"
    assert Instance(coordinates=SQUARE).node_name(2) == "3"


def test_a_name_of_several_nodes_finds_none_of_them():
    instance = Instance(coordinates=SQUARE, names=("A", "B", "A", "C"), name="hall")
    assert instance.find_node("B") == 1
    with pytest.raises(ValueError, match="hall: node 'A', expected a name that only one node has"):
        instance.find_node("A")

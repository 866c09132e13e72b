import pytest

from tsp.earth import earth_instance
from tsp.instance import Instance
from tsp.problems import get_problem
from tsp.words import words_of

POINTS = Instance([[0, 0], [1, 0]])


@pytest.mark.parametrize(
    ("problem", "stop", "length", "prize"),
    [
        ("cvrp", "stop", "distance", "prize"),
        ("cvrptw", "stop", "distance", "prize"),
        ("sdvrp", "stop", "distance", "prize"),
        ("tsptw", "stop", "distance", "prize"),
        ("optw", "poster", "walked", "interest"),
        ("spctsp", "poster", "walked", "interest"),
        ("opq", "poster", "walked", "interest"),
        ("tsp", "stop", "length", "prize"),
    ],
)
def test_deliveries_have_stops_and_distance_and_prizes_are_the_interest_of_posters(problem, stop, length, prize):
    words = words_of(get_problem(problem), POINTS)
    assert (words.stop, words.length, words.prize) == (stop, length, prize)


def test_nobody_looks_for_posters_on_the_earth():
    places = earth_instance([0, 1], [0, 1])
    assert words_of(get_problem("op"), places).stop == "stop"


def test_stops_are_counted_in_the_singular_and_the_plural():
    words = words_of(get_problem("op"), POINTS)
    assert [words.stops(count) for count in (1, 1200)] == ["1 poster", "1,200 posters"]

import json
import re

import pytest
from figures import checked, random_instance

from tsp.earth import earth_instance
from tsp.reports.mapping import map_text

ISLES = earth_instance(
    [0, 10, 0], [170, -170, 175], ["<Hub>", "Ada", "Ben"], demands=[0, 1, 1], capacity=2, problem="cvrp"
)


def test_geojson_has_a_point_for_each_place_and_a_line_for_each_tour_cut_at_the_antimeridian():
    content = json.loads(map_text("a.geojson", ISLES, checked(ISLES, [[0, 1, 2]])))
    line, *points = content["features"]
    assert [point["properties"]["name"] for point in points] == ["<Hub>", "Ada", "Ben"]
    assert [point["geometry"]["coordinates"] for point in points] == [[170, 0], [-170, 10], [175, 0]]
    assert [point["properties"].get("order") for point in points] == [0, 1, 2]
    first, second, third = line["geometry"]["coordinates"]
    assert first == [[170, 0], [180, 5]]
    assert second[0] == [-180, 5]
    assert second[1] == [-170, 10]
    assert third[-1] == [170, 0]
    assert "load 2 of 2" in line["properties"]["summary"]
    assert line["properties"]["feasible"]


def test_geojson_says_that_a_tour_breaks_a_rule():
    plan = checked(ISLES, [[0, 1]])
    assert not plan.feasible
    line = json.loads(map_text("a.geojson", ISLES, plan))["features"][0]
    assert line["properties"]["feasible"] is False


def test_a_page_shows_tours_and_escapes_names():
    html = map_text("a.html", ISLES, checked(ISLES, [[0, 1], [0, 2]]))
    assert html.count("<polyline") == 2
    assert html.count("<circle") == 3
    assert "<Hub>" not in html
    assert "&lt;Hub&gt;" in html
    assert not re.findall(r"https?://", html)


@pytest.mark.parametrize("ending", [".html", ".geojson"])
def test_an_instance_that_is_not_on_the_earth_is_refused(ending):
    with pytest.raises(ValueError, match="random3: its nodes are not places on the Earth"):
        map_text(f"a{ending}", random_instance(3), None)


@pytest.mark.parametrize("ending", [".html", ".geojson"])
def test_places_without_a_solution_are_a_map_too(ending):
    assert "Ada" in map_text(f"a{ending}", ISLES, None)

"""Great-circle distances."""

import numpy as np
import pytest

from tsp.earth import EARTH_RADIUS, earth_instance, great_circles


def test_a_quarter_of_a_great_circle_and_the_way_to_the_antipode_are_exact():
    distances = great_circles([0, 90, 0, 0], [0, 0, 90, 180])
    quarter = EARTH_RADIUS * np.pi / 2
    assert distances[0] == pytest.approx([0, quarter, quarter, 2 * quarter])
    assert (distances == distances.T).all()
    assert (distances.diagonal() == 0).all()


def test_short_distances_keep_their_digits():
    metre = np.degrees(1e-3 / EARTH_RADIUS)
    assert great_circles([52, 52 + metre], [13, 13])[0, 1] == pytest.approx(1e-3, rel=1e-6)


def test_longitude_is_drawn_from_left_to_right():
    instance = earth_instance([52.5, 48.1], [13.4, 11.6], ["Berlin", "Munich"])
    assert instance.coordinates.tolist() == [[13.4, 52.5], [11.6, 48.1]]
    assert instance.names == ("Berlin", "Munich")
    assert instance.distances[0, 1] == pytest.approx(504, abs=2)


def test_too_many_places_are_refused_before_their_matrix_is_made():
    with pytest.raises(ValueError, match="15001 places: distances on the Earth are computed for up to 15000"):
        great_circles(np.zeros(15_001), np.zeros(15_001))

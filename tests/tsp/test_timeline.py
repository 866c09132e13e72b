from tsp.instance import Instance
from tsp.timeline import compute_timeline

LINE = [[0, 0], [3, 0], [7, 0]]


def test_a_visit_begins_when_its_window_opens_and_service_delays_the_departure():
    windows = [[1, 99], [10, 99], [0, 99]]
    times = compute_timeline(Instance(LINE, time_windows=windows, service_times=[2, 1, 5]), [0, 1, 2])
    assert times.arrive.tolist() == [0, 6, 15]
    assert times.begin.tolist() == [1, 10, 15]
    assert times.leave.tolist() == [3, 11, 20]


def test_times_equal_lengths_without_windows_and_service():
    times = compute_timeline(Instance(LINE), [0, 2, 1])
    assert times.arrive.tolist() == times.begin.tolist() == times.leave.tolist() == [0, 7, 11]


def test_a_known_departure_replaces_the_computed_one():
    times = compute_timeline(Instance(LINE), [0, 1, 2], {1: 20.0})
    assert times.leave.tolist() == [0, 20, 24]


def test_an_empty_tour_has_an_empty_timeline():
    assert all(part.size == 0 for part in compute_timeline(Instance(LINE), []))

import numpy as np
import pytest
from visit_logs import drawn_log

from policies.laws.days import law_outcomes, with_laws
from policies.laws.law import fit_law
from tsp.formats.visit_log import Target, VisitLog
from tsp.instance import Instance

POINTS = [[0, 0], [0, 3], [4, 3], [4, 0]]
EXTRAS = {"Voice": ("", "loud", "quiet", "hoarse"), "figures": ("", "2", "2", "2")}


@pytest.fixture(scope="module")
def law():
    return fit_law(drawn_log(), "ridge", seed=1)


def day(**given):
    return Instance(POINTS, **{"extras": EXTRAS, "problem": "op", "prizes": [0, 1, 1, 1], "max_length": 60} | given)


def test_each_node_gets_its_law_and_the_ends_of_tours_none(law):
    with pytest.warns(UserWarning, match="not in the logs of the duration: voice 'hoarse'"):
        outcomes = law_outcomes(day(), law)
    assert outcomes[0].tolist() == [0.0] * 20
    assert outcomes[1].mean() > 1.5 * outcomes[2].mean()
    assert outcomes[2].mean() < outcomes[3].mean() < outcomes[1].mean()


@pytest.mark.filterwarnings("ignore:.*not in the logs")
def test_deliveries_get_the_mean_as_service_times(law):
    vans = day(
        problem="cvrptw", prizes=None, max_length=None, demands=[0, 1, 1, 1], capacity=3, time_windows=[[0, 99]] * 4
    )
    planned = with_laws(vans, [law], named=False)
    assert planned.problem == "cvrptw"
    assert planned.service_times == pytest.approx(law_outcomes(vans, law).mean(axis=1))


@pytest.mark.filterwarnings("ignore:.*not in the logs")
def test_times_of_day_between_places_on_the_earth_become_lengths(law):
    earth = day(matrix=np.ones((4, 4)), unit="km", is_clock=True, speed=30.0)
    assert law_outcomes(earth, law) == pytest.approx(law_outcomes(day(), law) / 2)


def test_a_demand_may_be_a_feature():
    demands = tuple(str(k % 4 + 1) for k in range(40))
    values = np.array([5.0 * int(text) for text in demands])
    log = VisitLog(Target.DURATION, np.arange(40) // 4, values, np.zeros(40, dtype=bool), {"demand": demands}, 40)
    outcomes = law_outcomes(day(demands=[0, 1, 2, 4], capacity=9), fit_law(log, "ridge", seed=1))
    assert outcomes.mean(axis=1) == pytest.approx([0, 5, 10, 20], rel=0.15)


@pytest.mark.filterwarnings("ignore:.*not in the logs")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"extras": {"voice": EXTRAS["Voice"]}}, "no column 'figures', expected the features of the law"),
        ({"service_times": [0, 1, 1, 1]}, r"column duration beside the law of the duration, .*\(--ignore duration\)"),
        ({"problem": "tsp", "prizes": None, "max_length": None}, "problem 'tsp' does not read the law of duration"),
    ],
)
def test_days_that_a_law_does_not_fit_are_refused(law, given, message):
    with pytest.raises(ValueError, match=message):
        with_laws(day(**given), [law], named=True)

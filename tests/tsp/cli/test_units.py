"""Places on the Earth and times of day, from the file to the answer."""

import csv
import json
from pathlib import Path

import pytest
from command_line import BERLIN, POSTERS, refusal, solved
from places import PLACES, ROUNDS, haversine

from tsp.units import METRES, SPEED, UNIT

LEGS = [haversine(PLACES[a], PLACES[b]) for a, b in ((0, 2), (2, 1), (1, 0))]
"""Kilometres of the only tour in time at 60 km/h, by way of Bernau to Potsdam."""
LEAVES = [480, max(510, 480 + LEGS[0]) + 15, 0]
LEAVES[2] = max(570, LEAVES[1] + LEGS[1]) + 20
"""Minutes of the departures at a kilometre a minute."""
MILE = 1.609344


def clock(minutes):
    """A time of day as a user writes it."""
    seconds = round(60 * minutes)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}" + (f":{seconds % 60:02d}" if seconds % 60 else "")


@pytest.fixture
def rounds(tsp):
    Path("rounds.csv").write_text(ROUNDS.replace("9:30,12:00", "9:30,9:50"))
    return tsp


def test_json_states_unit_and_speed_and_the_times_of_the_stops(rounds):
    answer = solved(rounds("solve", "rounds.csv", "--unit", "mi", "--speed", 60, "--json"))
    assert answer["objective"] == pytest.approx(sum(LEGS) / MILE)
    assert (answer["unit"], answer["objective_unit"], answer["speed"]) == ("mi", "mi", 60)
    assert answer["tours"] == [[0, 2, 1]]
    (stops,) = answer["schedule"]
    assert [stop["node"] for stop in stops] == [0, 2, 1, 0]
    assert [stop["leave"] for stop in stops[:3]] == [clock(minutes) for minutes in LEAVES]
    assert stops[3]["arrive"] == clock(LEAVES[2] + LEGS[2])


def test_the_speed_decides_which_tour_is_in_time(rounds):
    assert solved(rounds("solve", "rounds.csv", "--json"))["speed"] == 50
    code, out, _ = rounds("solve", "rounds.csv", "--speed", 14, "--json")
    assert code == 1
    (answer,) = json.loads(out)["solutions"]
    arrival = 480 + haversine(PLACES[0], PLACES[1]) * 60 / 14
    assert f"Potsdam closes at 09:50, the earliest arrival there is {clock(arrival)}" in answer["violations"]


def test_a_makespan_is_a_time_of_day_and_minutes_in_json(rounds):
    words = ("solve", "rounds.csv", "--speed", 60, "--objective", "makespan")
    answer = solved(rounds(*words, "--json"))
    back = LEAVES[2] + LEGS[2]
    assert answer["objective"] == pytest.approx(back)
    assert answer["bound"] == pytest.approx(back)
    assert (answer["unit"], answer["objective_unit"]) == ("km", "min")
    assert f"makespan {clock(back)}, proved optimal, at 60 km/h" in rounds(*words)[1]


def test_text_and_itinerary_have_the_unit(rounds):
    code, out, _ = rounds("solve", "rounds.csv", "--speed", 60, "--out", "plan.csv")
    assert code == 0
    assert "km, proved optimal, at 60 km/h" in out
    assert "distance km" in out
    rows = list(csv.DictReader(Path("plan.csv").read_text().splitlines()))
    assert list(rows[0]) == ["order", "name", "lat", "lon", "leg_km", "walked_km", "arrive", "begin", "leave"]
    assert [float(row["leg_km"]) for row in rows] == pytest.approx([0, *LEGS])
    assert (rows[1]["lat"], rows[1]["lon"], rows[1]["leave"]) == ("52.68", "13.59", clock(LEAVES[1]))
    code, out, _ = rounds("check", "rounds.csv", "plan.csv", "--unit", "m", "--json")
    assert json.loads(out)["solutions"][0]["objective"] == pytest.approx(1000 * sum(LEGS))


def test_an_itinerary_across_the_antimeridian_has_longitudes_up_to_180_degrees(tsp):
    Path("isles.csv").write_text("name,lat,lon\nA,0,179\nB,0,-179\nC,1,181\n")
    tsp("solve", "isles.csv", "--out", "plan.csv")
    rows = csv.DictReader(Path("plan.csv").read_text().splitlines())
    assert {row["name"]: float(row["lon"]) for row in rows} == {"A": 179, "B": -179, "C": -179}


def test_dates_are_shown_as_dates(tsp):
    Path("days.csv").write_text(
        "name,lat,lon,opens,closes\nA,0,0,2026-11-23T08:00,\nB,0,0.1,2026-11-24 09:00,2026-11-24 10:00\n"
    )
    answer = solved(tsp("solve", "days.csv", "--json"))
    assert [stop["begin"] for stop in answer["schedule"][0]][:2] == ["2026-11-23T08:00", "2026-11-24T09:00"]


def test_without_windows_no_time_has_a_date(tsp):
    Path("days.csv").write_text("name,lat,lon,prize,opens,duration\nA,0,0,0,2026-11-23T08:00,\nB,0,0.1,3,,0:10\n")
    answer = solved(tsp("solve", "days.csv", "--ignore", "opens", "--max-length", 40, "--speed", 60, "--json"))
    leg = haversine((0, 0), (0, 0.1))
    assert [stop["leave"] for stop in answer["schedule"][0]] == ["00:00", clock(leg + 10), clock(2 * leg + 10)]


def test_a_length_limit_is_in_the_unit_and_said_with_it(tsp):
    Path("talks.csv").write_text("name,lat,lon,prize,duration\nA,0,0,0,\nB,0,1,5,0:30\nC,0,-2,9,\n")
    degree = haversine((0, 0), (0, 1)) / MILE
    visit = 0.5 * 40 / MILE  # half an hour at 40 km/h, in miles
    words = ("solve", "talks.csv", "--unit", "mi", "--speed", 40, "--json", "--max-length")
    enough = 2 * degree + visit
    assert solved(tsp(*words, enough + 1e-6))["tours"] == [[0, 1]]
    assert solved(tsp(*words, enough - 1e-3))["objective"] == 0
    assert solved(tsp(*words, 4 * degree))["objective"] == 9
    Path("plan.csv").write_text("name\nA\nB\n")
    code, out, _ = tsp("check", "talks.csv", "plan.csv", "--unit", "mi", "--speed", 40, "--max-length", 100)
    assert code == 1
    assert f"is {2 * degree:.9g} mi long and visits take {visit:.9g} mi, expected at most 100 mi" in out


@pytest.mark.parametrize("now", ["9:10", "550"])
def test_the_time_under_way_is_a_time_of_day_or_minutes(rounds, now):
    Path("rounds.csv").write_text(ROUNDS)
    words = ("--visited", "Bernau", "--speed", 60, "--json")
    answer = solved(rounds("solve", "rounds.csv", *words, "--elapsed", now, "--ignore", "duration"))
    assert [stop["leave"] for stop in answer["schedule"][0][:3]] == ["08:00", "09:10", clock(550 + LEGS[1])]


def test_a_comparison_has_the_unit_of_its_objectives(rounds):
    words = ("compare", "rounds.csv", "--solvers", "ls,cpsat", "--time-limit", 0.3, "--unit", "mi")
    assert "tsptw, 1 instance, 1 thread, objective in mi, gap" in rounds(*words)[1]
    found = json.loads(rounds(*words, "--json", "--out", "rows.csv")[1])
    assert found["unit"] == "mi"
    assert "Times of day are lengths at 50 km/h." in found["notes"]
    assert [row["mean_objective"] for row in found["rows"]] == pytest.approx([sum(LEGS) / MILE] * 2)
    assert [row["unit"] for row in csv.DictReader(Path("rows.csv").read_text().splitlines())] == ["mi", "mi"]


NUMBERS = "name,lat,lon,duration\nA,0,0,0\nB,0,1,10\nC,1,0,20\n"


@pytest.mark.parametrize("command", ["solve", "compare", "check"])
def test_a_note_says_what_times_as_numbers_mean_only_where_they_count(tsp, tmp_path, command):
    (tmp_path / "numbers.csv").write_text(NUMBERS)
    (tmp_path / "plan.csv").write_text("name\nA\nB\nC\n")
    words = {"solve": ["--solver", "insertion"], "compare": ["--solvers", "insertion"], "check": ["plan.csv"]}[command]
    words = [command, "numbers.csv", *words, "--problem", "mtsp", "--num-tours", "2", "--max-length", "900"]
    note = "note: times are numbers, so 1 km takes a unit of time"
    assert note in tsp(*words)[2]
    code, _, err = tsp(*words, "--ignore", "duration")
    assert (code, note in err) == (0, False)


@pytest.mark.parametrize("command", ["solve", "compare", "check", "plot"])
def test_help_states_the_units_and_the_defaults(tsp, command):
    text = " ".join(tsp(command, "--help")[1].split())
    assert f"--unit {'|'.join(METRES)} unit of lengths between latitudes and longitudes (default {UNIT})" in text
    assert f"(default {SPEED:g})" in text


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["solve", "rounds.csv", "--unit", "ft"], "argument --unit: 'ft', expected m, km or mi"),
        (["solve", "rounds.csv", "--speed", "0"], "argument --speed: 0, expected a number of kilometres an hour"),
        (["solve", "rounds.csv", "--speed", "nan"], "argument --speed: nan, expected a number"),
        (["solve", "rounds.csv", "--speed", "fast"], "argument --speed: fast, expected a number"),
        (["solve", BERLIN, "--unit", "km"], "berlin52.tsp: --unit km: distances are not between places on the Earth"),
        (["solve", POSTERS, "--speed", "5"], "poster-session.csv: --speed 5: distances are not between places"),
        (["check", BERLIN, "a.tour", "--unit", "km"], "berlin52.tsp: --unit km: distances are not between places"),
        (["plot", BERLIN, "--unit", "km", "--out", "a.png"], "--unit km: distances are not between places"),
        (["compare", "--size", "5", "--unit", "m"], "--unit m: distances are not between places on the Earth"),
        (
            ["solve", "rounds.csv", "--ignore", "opens,duration", "--speed", "9"],
            "--speed 9: expected times from a clock",
        ),
        (["solve", "rounds.csv", "--elapsed", "soon"], "--elapsed: 'soon', expected a time such as 8:30, or minutes"),
        (["solve", POSTERS, "--elapsed", "9:00"], "--elapsed: 9:00, expected a number"),
        (["solve", "rounds.csv", "--plot", "a.png", "--walls", "walls.csv"], "walls: between places on the Earth"),
    ],
    ids=lambda value: " ".join(Path(word).name for word in value) if isinstance(value, list) else "",
)
def test_units_and_times_that_do_not_fit_end_in_one_sentence(rounds, words, sentence):
    Path("walls.csv").write_text("x1,y1,x2,y2\n0,0,1,1\n")
    assert sentence in refusal(rounds(*words))

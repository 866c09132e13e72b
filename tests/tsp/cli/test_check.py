import pytest
from command_line import BERLIN, refusal


def test_check_names_the_violated_rule_and_exits_with_1(tsp, tmp_path):
    (tmp_path / "bad.tour").write_text("TYPE: TOUR\nDIMENSION: 52\nTOUR_SECTION\n1\n2\n3\n-1\nEOF\n")
    code, out, _ = tsp("check", BERLIN, "bad.tour")
    assert code == 1
    assert "not visited" in out


@pytest.mark.parametrize("ending", [".csv", ".json", ".sol", ".tour"])
def test_check_reads_every_kind_of_plan_that_solve_writes(tsp, tmp_path, ending):
    (tmp_path / "errands.csv").write_text("name,x,y\nHome,0,0\nBakery,3,0\nChemist,0,4\nDairy,3,4\n")
    assert tsp("solve", "errands.csv", "--solver", "2opt", "--time-limit", "0.1", "--out", f"plan{ending}")[0] == 0
    code, out, _ = tsp("check", "errands.csv", f"plan{ending}")
    assert code == 0
    assert "length 14," in out


DROPS = "name,x,y,demand\nHub,0,0,0\nAda,3,4,1\nBen,6,8,1\nCat,-5,0,1\n"
OPEN = ("drops.csv", "--capacity", "2", "--end", "any")


@pytest.mark.parametrize("ending", [".csv", ".json", ".sol"])
def test_open_routes_are_written_without_a_way_back_and_read_again(tsp, tmp_path, ending):
    (tmp_path / "drops.csv").write_text(DROPS)
    code, out, _ = tsp("solve", *OPEN, "--solver", "insertion", "--out", f"plan{ending}")
    assert code == 0
    assert "distance 15, open routes" in out
    code, out, _ = tsp("check", *OPEN, f"plan{ending}")
    assert code == 0
    assert "distance 15, open routes" in out
    if ending == ".csv":
        assert (tmp_path / "plan.csv").read_text().count("Hub") == 2
    else:
        stated = {".json": '"end": "any"', ".sol": "End any"}[ending]
        assert stated in (tmp_path / f"plan{ending}").read_text()
        found = refusal(tsp("check", "drops.csv", "--capacity", "2", f"plan{ending}"))
        assert "its tours end anywhere, those of drops do not; expected a free end (--end any)" in found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plan.csv", "name\nBen\nHub\nAda\n"),
        ("plan.csv", "tour,name\n0,Ben\n0,Hub\n0,Ada\n"),
        (
            "plan.json",
            '{"version": "0.1.0", "solutions": [{"instance": "spots", "problem": "op", "end": "any", '
            '"size": 3, "tours": [[2, 0, 1]]}]}',
        ),
    ],
)
def test_an_open_route_that_starts_elsewhere_is_not_rotated_to_the_depot(tsp, tmp_path, name, text):
    (tmp_path / "spots.csv").write_text("name,x,y,prize\nHub,0,0,0\nAda,1,0,1\nBen,0,9,1\n")
    (tmp_path / name).write_text(text)
    code, out, _ = tsp("check", "spots.csv", name, "--problem", "op", "--max-length", "11", "--end", "any")
    assert code == 1
    assert "tour 0: starts at Ben, expected Hub" in out


UNDERWAY = ("--visited", "Cat", "--visited", "Ada", "--travelled", "30", "--travelled", "6")


@pytest.mark.parametrize("ending", [".csv", ".json", ".sol"])
def test_check_judges_a_plan_under_way_as_solve_does(tsp, tmp_path, ending):
    (tmp_path / "drops.csv").write_text(DROPS)
    words = ("drops.csv", "--capacity", "2", *UNDERWAY)
    assert "distance 56," in tsp("solve", *words, "--out", f"plan{ending}")[1]  # 30 + 5 + 6 + 5 + 10
    code, out, _ = tsp("check", *words, f"plan{ending}")
    assert code == 0
    assert "distance 56," in out
    assert "distance 30," in tsp("check", *words[:3], f"plan{ending}")[1]
    code, out, _ = tsp("check", *words[:3], "--visited", "Ben", f"plan{ending}")
    assert code == 1
    assert "tour 0: does not begin with what was visited: Hub, Ben" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--visited", "Ada,Ada"], "visited: Ada is there twice, expected each node once"),
        (["--visited", "Ada", "--elapsed", "3"], "elapsed: 3, expected none in problem 'cvrp', where no time counts"),
        (["--visited", "Ada", "--load", "3"], "load: 3, expected at most the capacity 2"),
    ],
)
@pytest.mark.parametrize("command", [["check"], ["plot", "--out", "a.png", "--solution"]])
def test_tours_under_way_that_cannot_be_are_refused(tsp, tmp_path, command, words, sentence):
    (tmp_path / "drops.csv").write_text(DROPS)
    (tmp_path / "plan.csv").write_text("name\nHub\nAda\nBen\nHub\nCat\n")
    files = ["plan.csv", "drops.csv"] if command[0] == "plot" else ["drops.csv", "plan.csv"]
    assert sentence in refusal(tsp(*command, *files, "--capacity", "2", *words))


def test_check_judges_an_itinerary_made_by_hand(tsp, tmp_path):
    (tmp_path / "errands.csv").write_text("name,x,y\nHome,0,0\nBakery,3,0\nChemist,0,4\nDairy,3,4\n")
    (tmp_path / "mine.csv").write_text("order,name\n0,Home\n1,Dairy\n2,Bakery\n3,Chemist\n")
    code, out, _ = tsp("check", "errands.csv", "mine.csv")
    assert code == 0
    assert "length 18," in out
    (tmp_path / "mine.csv").write_text("order,name\n0,Home\n1,Dairy\n")
    assert tsp("check", "errands.csv", "mine.csv")[0] == 1


@pytest.mark.data
def test_a_policy_refuses_fixed_edges_by_name_and_check_accepts_them(tsp, data_folder):
    path = data_folder / "tsplib" / "linhp318.tsp"
    assert "1 fixed edge(s): policy keeps none" in refusal(tsp("solve", path, "--solver", "policy"))
    code, out, _ = tsp("check", path, data_folder / "tsplib" / "linhp318.opt.tour")
    assert code == 0
    assert "45214" in out

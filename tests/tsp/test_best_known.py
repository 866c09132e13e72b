"""Best known objectives are looked up by the content of an instance, never by its name."""

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tsp.best_known import TABLE, best_known, recognize
from tsp.formats import read, write_instances
from tsp.instance import Instance

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def berlin52():
    (instance,) = read(ROOT / "examples" / "berlin52.tsp")
    return instance


def test_berlin52_is_recognized_under_another_name(berlin52, tmp_path):
    assert berlin52.best_known == 7542
    shutil.copy(ROOT / "examples" / "berlin52.tsp", tmp_path / "holiday.tsp")
    assert read(tmp_path / "holiday.tsp")[0].best_known == 7542


def test_berlin52_is_recognized_in_another_format(berlin52, tmp_path):
    write_instances(tmp_path / "set.npz", [berlin52, berlin52])
    assert [instance.best_known for instance in read(tmp_path / "set.npz")] == [7542, 7542]


def test_an_instance_with_a_moved_node_or_other_arithmetic_is_not_recognized(berlin52):
    moved = berlin52.coordinates.copy()
    moved[17, 1] += 1e-6
    assert best_known(replace(berlin52, coordinates=moved)) is None
    assert best_known(replace(berlin52, metric="euclidean")) is None
    assert best_known(replace(berlin52, metric="CEIL_2D")) is None
    assert best_known(replace(berlin52, fixed_edges=[[0, 1]])) is None
    assert best_known(Instance(matrix=berlin52.distances)) is None


def test_the_optimum_of_the_tsp_is_not_used_for_another_problem(berlin52):
    assert best_known(replace(berlin52, problem="op")) is None
    assert best_known(replace(berlin52, problem="tsp")) == 7542


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:.*ali535")  # three of its coordinates are no degrees and minutes
def test_the_table_of_best_known_objectives_is_what_its_script_makes(data_folder, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("make_best_known", ROOT / "benchmarks" / "make_best_known.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "TABLE", tmp_path / "table.json")
    monkeypatch.setattr("sys.argv", ["make_best_known.py", str(data_folder)])
    script.main()
    assert (tmp_path / "table.json").read_text() == TABLE.read_text()


@pytest.mark.data
@pytest.mark.parametrize(
    ("path", "optimum"),
    [
        ("tsplib/lin318.tsp", 42029),
        ("tsplib/linhp318.tsp", 45214),  # the same points with a fixed edge
        ("tsplib/pla33810.tsp", 66048945),
        ("tsplib/si535.tsp", 48450),
        ("national/wi29.tsp", 27603),
        ("atsp/br17.atsp", 39),
        ("cvrplib/A-n32-k5.vrp", 784),
        ("cvrplib/M-n200-k17.vrp", 1274),  # the same content as M-n200-k16
        ("cvrplib/xml100/XML100_1111_26.vrp", 37730),
        ("op/tsiligirides/tsiligirides_problem_1_budget_15.txt", 45),
        ("op/oplib/gen2/att48-gen2-50.oplib", 1717 - 74),  # without the depot's score
        ("optw/c101.txt", 320),
        ("top/p1.2.b.txt", None),  # a lower bound, found in seconds
        ("tsptw/AFG/rbg010a.tw", 671),
        ("tsptw/SolomonPotvinBengio/rc_201.1.txt", 444.5425),
    ],
)
def test_real_files_have_their_best_known_objective(data_folder, path, optimum):
    assert read(data_folder / path)[0].best_known == optimum


@pytest.mark.data
def test_each_objective_of_an_instance_has_its_own_best_known_value(data_folder):
    path = data_folder / "tsptw" / "SolomonPotvinBengio" / "rc_201.1.txt"
    assert read(path, problem="tsptw-makespan")[0].best_known == 592.0611
    assert read(path, problem="tsp")[0].best_known is None
    assert read(data_folder / "atsp" / "br17.atsp", problem="tsp")[0].best_known == 39


@pytest.mark.data
def test_an_instance_is_recognized_once_its_quota_is_given(data_folder):
    (instance,) = read(data_folder / "pctsp" / "problem_20_100_10000_10000.pctsp")
    assert instance.best_known is None
    assert recognize(replace(instance, min_prize=139)).best_known == 18222
    assert recognize(replace(instance, min_prize=140, best_known=18222)).best_known is None


@pytest.mark.data
def test_an_instance_with_another_depot_is_not_recognized(data_folder):
    (instance,) = read(data_folder / "cvrplib" / "A-n32-k5.vrp")
    assert recognize(replace(instance, depot=5)).best_known is None


def test_an_instance_of_closed_tours_is_recognized_with_another_start(berlin52):
    assert recognize(replace(berlin52, depot=5)).best_known == 7542


def test_an_instance_of_closed_tours_is_recognized_with_its_end_at_its_start(berlin52):
    assert recognize(replace(berlin52, end=0)).best_known == 7542
    assert recognize(replace(berlin52, depot=5, end=5)).best_known == 7542

import json
from pathlib import Path

from command_line import BERLIN, refusal


def test_plot_draws_a_solution_as_png_svg_and_pdf(tsp, data_folder):
    for ending, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        tour = data_folder / "tsplib" / "berlin52.opt.tour"
        assert tsp("plot", BERLIN, "--solution", tour, "--out", "picture" + ending)[0] == 0
        assert Path("picture" + ending).read_bytes().startswith(magic)


def test_plot_draws_a_plan_under_way_with_what_was_travelled(tsp, tmp_path):
    (tmp_path / "drops.csv").write_text("name,x,y,demand\nHub,0,0,0\nAda,3,4,1\nBen,6,8,1\n")
    (tmp_path / "plan.csv").write_text("name\nHub\nAda\nBen\n")
    words = ("plot", "drops.csv", "--capacity", 2, "--visited", "Ada", "--travelled", 35, "--out", "a.svg")
    assert "--visited, --elapsed, --travelled, --load: only a plan is under way, expected --solution" in refusal(
        tsp(*words)
    )
    assert tsp(*words, "--solution", "plan.csv")[0] == 0
    assert "distance 50" in Path("a.svg").read_text()


def test_plot_draws_the_curves_of_a_run_and_refuses_other_folders(tsp, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    assert "run: a folder without metrics.csv, expected" in refusal(tsp("plot", folder, "--out", "a.png"))
    (folder / "metrics.csv").write_text("step,seconds,val/objective\n0,0,9\n5,60,4\n")
    assert tsp("plot", folder, "--out", "curves.png")[0] == 0
    assert Path("curves.png").stat().st_size > 1000
    assert "--solution: " in refusal(tsp("plot", folder, "--out", "b.png", "--solution", "a.tour"))


def test_plot_animates_a_solution_and_a_search(tsp, tmp_path):
    (tmp_path / "drops.csv").write_text("name,x,y\nHub,0,0\nAda,3,4\nBen,6,8\nCat,0,9\n")
    assert tsp("plot", "drops.csv", "--animate", "search.gif", "--time-limit", 0.2)[0] == 0
    (tmp_path / "plan.csv").write_text("name\nHub\nAda\nBen\nCat\n")
    assert tsp("plot", "drops.csv", "--solution", "plan.csv", "--animate", "plan.gif", "--out", "plan.png")[0] == 0
    for name in ("search.gif", "plan.gif"):
        assert Path(name).read_bytes().startswith(b"GIF89a")
    assert Path("plan.png").exists()
    words = ("plot", "drops.csv", "--solution", "plan.csv", "--animate", "b.gif", "--solver", "ls")
    assert "--solver: is of --animate without --solution" in refusal(tsp(*words))
    assert "--out: expected a path for the picture, or --animate with one" in refusal(tsp("plot", "drops.csv"))
    assert "ending '.mp4', expected .gif for --animate" in refusal(tsp("plot", "drops.csv", "--animate", "b.mp4"))


def test_plot_writes_maps_of_places_on_the_earth(tsp, tmp_path):
    (tmp_path / "rounds.csv").write_text("name,lat,lon\nHub,48,11\nAda,48.1,11\nBen,48,11.2\n")
    for ending in (".geojson", ".html"):
        assert tsp("plot", "rounds.csv", "--out", f"map{ending}")[0] == 0
        assert "Ada" in Path(f"map{ending}").read_text()
    assert "not places on the Earth" in refusal(tsp("plot", BERLIN, "--out", "map2.html"))


def test_solve_draws_the_same_maps(tsp, tmp_path):
    (tmp_path / "rounds.csv").write_text("name,lat,lon\nHub,48,11\nAda,48.1,11\nBen,48,11.2\n")
    words = ("solve", "rounds.csv", "--solver", "nearest", "--out", "plan.csv", "--plot")
    for ending in (".geojson", ".html"):
        assert tsp(*words, f"solved{ending}", "--force")[0] == 0
        assert tsp("plot", "rounds.csv", "--solution", "plan.csv", "--out", f"plotted{ending}")[0] == 0
    tour = json.loads(Path("solved.geojson").read_text())["features"][0]
    assert tour["geometry"]["type"] == "MultiLineString"
    assert Path("solved.geojson").read_text() == Path("plotted.geojson").read_text()
    assert Path("solved.html").read_text().count("<polyline") == 1


def test_solve_refuses_a_map_of_a_plane_before_it_solves(tsp):
    assert "not places on the Earth" in refusal(tsp("solve", BERLIN, "--time-limit", 1000, "--plot", "a.geojson"))

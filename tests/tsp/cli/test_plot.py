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

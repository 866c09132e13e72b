from pathlib import Path

from command_line import BERLIN


def test_plot_draws_a_solution_as_png_svg_and_pdf(tsp, data_folder):
    for ending, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        tour = data_folder / "tsplib" / "berlin52.opt.tour"
        assert tsp("plot", BERLIN, "--solution", tour, "--out", "picture" + ending)[0] == 0
        assert Path("picture" + ending).read_bytes().startswith(magic)

import pytest
from figures import random_instance

from tsp.plotting import plot_tour, save_figure
from tsp.plotting.canvas import fit_facts
from tsp.problems import get_problem
from tsp.solution import check

TSP = get_problem("tsp")


@pytest.mark.parametrize(
    ("ending", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PNG", b"\x89PNG")]
)
def test_the_ending_decides_the_format_and_the_same_picture_gives_the_same_bytes(ending, start, tmp_path):
    instance = random_instance(6)
    for name in ("a", "b"):
        save_figure(plot_tour(instance, check(TSP, instance, [range(6)])), tmp_path / f"{name}{ending}")
    first, second = ((tmp_path / f"{name}{ending}").read_bytes() for name in ("a", "b"))
    assert first.startswith(start)
    assert first == second


@pytest.mark.parametrize(("name", "ending"), [("a.jpeg", ".jpeg"), ("a", "")])
def test_another_ending_is_refused_in_a_sentence(name, ending, tmp_path):
    with pytest.raises(ValueError, match=f"{name}: ending '{ending}', expected .png or .svg or .pdf"):
        save_figure(plot_tour(random_instance(2)), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_existing_picture_is_overwritten_only_by_force(tmp_path):
    path = tmp_path / "tour.png"
    path.write_text("mine")
    with pytest.raises(ValueError, match="exists"):
        save_figure(plot_tour(random_instance(2)), path)
    assert path.read_text() == "mine"
    save_figure(plot_tour(random_instance(2)), path, force=True)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_heading_that_is_too_long_loses_whole_facts_from_its_end():
    assert fit_facts("30 visited · length 4.5 · ls · 2.0 s", 30) == "30 visited · length 4.5 · ls"
    assert fit_facts("30 visited · ls", 15) == "30 visited · ls"
    assert fit_facts("one long fact", 8) == "one lon…"

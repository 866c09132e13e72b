import re
from xml.etree import ElementTree

from figures import random_instance

from tsp.plotting import plot_tour
from tsp.reports import page
from tsp.reports.page import MOST_SHAPES, Picture, Section, Table, render_page, to_svg


def test_a_page_escapes_texts_and_needs_no_other_file():
    sections = [Section("<b>", ["a & b"], [Table(["<i>"], [["</td>"]])])]
    html = render_page("<script>", "1 < 2", sections)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "a &amp; b" in html
    assert "&lt;/td&gt;" in html
    assert not re.findall(r"(?:src|href)=\"(?!#|data:)", html.replace('xlink:href="#', ""))


def test_ids_of_two_pictures_differ_and_their_references_stay_within_each():
    svgs = [to_svg(plot_tour(random_instance(4)), prefix) for prefix in ("a-", "b-")]
    ids = [set(re.findall(r'\bid="([^"]*)"', svg)) for svg in svgs]
    assert not ids[0] & ids[1]
    for svg, known in zip(svgs, ids, strict=True):
        ElementTree.fromstring(svg)
        assert set(re.findall(r'(?:href="|url\()#([^")]*)', svg)) <= known != set()


def test_pictures_that_do_not_fit_are_left_out_and_counted(monkeypatch):
    pictures = [Picture(lambda: plot_tour(random_instance(4)), f"picture {k}") for k in range(4)]
    size = len(to_svg(plot_tour(random_instance(4)), "p0-0-").encode())
    monkeypatch.setattr(page, "LARGEST", 20_000 + int(2.5 * size))
    html = render_page("title", "", [Section("maps", pictures=pictures)])
    assert html.count("<svg") == 2
    assert "2 more picture(s) are left out" in html


def test_many_dots_are_an_image_that_takes_less_room():
    few, many = (to_svg(plot_tour(random_instance(n)), "a-") for n in (MOST_SHAPES, 10 * MOST_SHAPES))
    assert "<image" not in few
    assert "<image" in many
    assert len(many) < 4 * len(few)

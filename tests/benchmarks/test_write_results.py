import json

import pytest
from write_results import BLOCK, Results, markdown, outdated, pages, parse_markdown, read_tables, resolve, save, take

PRINTED = """Some words before.

| problem | n | solver | gap % |
|---|---|---|---|
| op | 20 | ls | 0.00 |
| op | 20 | policy | 0.44 |
| op | 50 | ls | 0.22 |
"""
ORIGIN = {"title": "Gaps", "command": "python measure.py", "machine": "one CPU core"}


def table(name="gaps", **changes):
    given = {"title": "Gaps", "columns": ["solver", "gap %"], "rows": [["ls", "0.10"], ["policy", "2.50"]], "note": ""}
    return Results(
        name, **given | {"command": "x", "commit": "abc1234", "date": "2026-01-01", "machine": "m"} | changes
    )


@pytest.fixture(autouse=True)
def commit(monkeypatch):
    """The tests need no checkout."""
    monkeypatch.setattr("write_results.current_commit", lambda: "1234567")


@pytest.fixture
def site(tmp_path):
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    save(table(), tmp_path / "benchmarks" / "results")
    (tmp_path / "README.md").write_text("Before.\n\n<!-- table: gaps -->\n<!-- end -->\n\nAfter.\n")
    (tmp_path / "docs" / "results.md").write_text("# Gaps\n\n<!-- results: gaps -->\n<!-- end -->\n")
    for path, text in pages(tmp_path).items():
        path.write_text(text)
    return tmp_path


def test_a_saved_table_is_read_back(tmp_path):
    save(table(note="Über α"), tmp_path)
    assert read_tables(tmp_path) == {"gaps": table(note="Über α")}


def test_a_page_shows_the_table_and_keeps_the_rest(site):
    text = (site / "README.md").read_text()
    assert text.startswith("Before.\n\n<!-- table: gaps -->\n\n| solver | gap % |\n| --- | --: |\n| ls | 0.10 |\n")
    assert text.endswith("<!-- end -->\n\nAfter.\n")
    assert outdated(site) == []


def test_a_changed_figure_makes_every_page_that_shows_it_outdated(site):
    save(table(rows=[["ls", "0.11"], ["policy", "2.50"]]), site / "benchmarks" / "results")
    assert {path.name for path in outdated(site)} == {"README.md", "results.md"}


def test_a_figure_changed_in_a_page_makes_it_outdated(site):
    page = site / "docs" / "results.md"
    page.write_text(page.read_text().replace("2.50", "2.40"))
    assert outdated(site) == [page]


def test_a_results_page_shows_title_command_and_machine_too(site):
    text = (site / "docs" / "results.md").read_text()
    assert text.startswith("# Gaps\n\n<!-- results: gaps -->\n\n### Gaps\n\n| solver | gap % |\n")
    assert "Measured on m; the figures came with commit abc1234 on 2026-01-01:\n\n```bash\nx\n```\n" in text


def test_a_table_is_shown_in_full_on_one_page(site):
    (site / "docs" / "halls.md").write_text("<!-- results: gaps -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match=r"gaps.json: halls.md and results.md has the line <!-- results: gaps -->"):
        pages(site)
    for name in ("halls", "results"):
        (site / "docs" / f"{name}.md").write_text("Nothing.\n")
    with pytest.raises(ValueError, match=r"gaps.json: no page has the line"):
        pages(site)


def test_a_page_that_asks_for_an_unknown_table_is_refused(site):
    (site / "docs" / "halls.md").write_text("<!-- table: hals -->\n<!-- end -->\n")
    with pytest.raises(ValueError, match="shows the table 'hals', but there is no results"):
        pages(site)


def test_a_cell_may_refer_to_the_cell_of_another_table():
    tables = {"gaps": table()}
    assert resolve(tables, "1 % infeasible, {gaps | policy | gap %}") == "1 % infeasible, 2.50"
    assert "| 2.50 |" in markdown(tables, table(rows=[["both", "{gaps | policy | gap %}"]]))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("{gap | policy | gap %}", "there is no table 'gap'"),
        ("{gaps | policy | gap}", "there is no table 'gaps' with a column 'gap'"),
        ("{gaps | polic | gap %}", "has 0 rows with 'polic'"),
    ],
)
def test_a_reference_to_a_missing_cell_is_refused(reference, message):
    with pytest.raises(ValueError, match=message):
        resolve({"gaps": table()}, reference)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("date"), "gaps.json: fields .*, expected .*date"),
        (lambda d: d["rows"].append(["ls"]), "gaps.json: row 2 has 1 cells, expected 2"),
    ],
)
def test_a_broken_file_is_named(tmp_path, change, message):
    save(table(), tmp_path)
    data = json.loads((tmp_path / "gaps.json").read_text())
    change(data)
    (tmp_path / "gaps.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message):
        read_tables(tmp_path)


def test_a_printed_table_is_stored_in_a_file_for_each_group(tmp_path):
    assert take("{problem}-{n}", PRINTED, ORIGIN, tmp_path) == ["op-20", "op-50"]
    found = read_tables(tmp_path)
    assert found["op-20"].columns == ["solver", "gap %"]
    assert found["op-20"].rows == [["ls", "0.00"], ["policy", "0.44"]]
    assert found["op-50"].rows == [["ls", "0.22"]]
    assert found["op-20"].commit == "1234567"


def test_fields_that_are_not_given_stay_when_a_table_is_measured_again(tmp_path):
    save(table("op", note="30 instances", command="old"), tmp_path)
    take("op", PRINTED, {"command": "new"}, tmp_path)
    found = read_tables(tmp_path)["op"]
    assert (found.note, found.command, found.title) == ("30 instances", "new", "Gaps")
    assert found.commit == "1234567"


def test_a_new_table_needs_a_title_a_command_and_a_machine(tmp_path):
    with pytest.raises(ValueError, match="op is a new table: give --title and --machine"):
        take("op", PRINTED, {"command": "x"}, tmp_path)


def test_text_without_a_table_is_refused():
    with pytest.raises(ValueError, match="no Markdown table found"):
        parse_markdown("nothing")


def test_the_markers_of_a_block_stay():
    assert BLOCK.search("<!-- table: a-b -->\nold\n<!-- end -->")[3] == "a-b"

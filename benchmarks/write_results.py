"""Write the tables of the documentation from `benchmarks/results/NAME.json`, so that no figure is typed twice.

    python benchmarks/write_results.py                # write the tables in the pages
    python benchmarks/write_results.py --check        # exit code 1 if a page is out of date
    python benchmarks/variants.py … | python benchmarks/write_results.py --take "{problem}-{n}" --command "…"

A file holds `title`, `command`, `commit` (the one that brought the figures), `date`, `machine`, `columns`,
`rows` and `note`. A row is a list of texts. In a text, `{NAME | CELLS | COLUMN}` stands for the cell of another
table, in the row that has CELLS (several with ` / ` between them). A file with such references has no
command of its own.

A page shows a table between the two lines `<!-- table: NAME -->` and `<!-- end -->`; with `results` instead
of `table`, it shows the title, the note and the command too. Every table is shown so on one page.

`--take NAME` reads a Markdown table from standard input, as the benchmarks print them, and stores its rows
under NAME. NAME may contain columns in braces; then each group of rows goes into a file of its own, without
these columns.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tsp.files import write_text

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).with_name("results")
MACHINE = "2 cores x86-64, one thread used"
"""Of tables that benchmarks store themselves."""

BLOCK = re.compile(r"(<!-- (table|results): ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
NUMBER = re.compile(r"[+−-]?[\d.,]+( ?[%×])?( \(.*\))?|–|")
REFERENCE = re.compile(r"{([^|{}]+)\|([^|{}]+)\|([^|{}]+)}")


class Results(NamedTuple):
    """One results file; the module's docstring explains its fields."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""
    command: str = ""
    commit: str = ""
    date: str = ""
    machine: str = ""


def read_tables(folder: Path = RESULTS) -> dict[str, Results]:
    """Every table by name.

    Raises:
        ValueError: naming the file, the field and what was expected.
    """
    return {path.stem: _read(path) for path in sorted(folder.glob("*.json"))}


def _read(path: Path) -> Results:
    found = json.loads(path.read_text(encoding="utf-8"))
    derived = any(REFERENCE.search(text) for row in found.get("rows", ()) for text in row)
    wanted = {"title", "columns", "rows", "note"} | (set() if derived else {"command", "commit", "date", "machine"})
    if set(found) != wanted:
        raise ValueError(f"{path.name}: fields {', '.join(sorted(found))}, expected {', '.join(sorted(wanted))}")
    table = Results(path.stem, **found)
    for i, row in enumerate(table.rows):
        if len(row) != len(table.columns):
            raise ValueError(f"{path.name}: row {i} has {len(row)} cells, expected {len(table.columns)}")
    return table


def resolve(tables: dict[str, Results], text: str) -> str:
    """The text of a cell, with references replaced by the cells of other tables.

    Raises:
        ValueError: for a reference to a cell that does not exist, or to more than one.
    """

    def look_up(match: re.Match[str]) -> str:
        name, cells, column = (part.strip() for part in match.groups())
        if name not in tables or column not in tables[name].columns:
            raise ValueError(f"{match[0]}: there is no table {name!r} with a column {column!r}")
        place, wanted = tables[name].columns.index(column), set(cells.split(" / "))
        found = [row[place] for row in tables[name].rows if wanted <= set(row)]
        if len(found) != 1:
            raise ValueError(f"{match[0]}: {name}.json has {len(found)} rows with {cells!r}, expected one")
        return found[0]

    return REFERENCE.sub(look_up, text)


def markdown(tables: dict[str, Results], table: Results) -> str:
    """The table in Markdown; columns of numbers are aligned right."""
    rows = [[resolve(tables, text) for text in row] for row in table.rows]
    numeric = [all(NUMBER.fullmatch(row[i]) for row in rows) for i in range(len(table.columns))]
    rule = ["--:" if right else "---" for right in numeric]
    return "".join(f"| {' | '.join(row)} |\n" for row in (table.columns, rule, *rows))


def in_full(tables: dict[str, Results], table: Results) -> str:
    """Title, note, table, and where the figures come from."""
    parts = [f"### {table.title}\n", f"{table.note}\n" if table.note else "", markdown(tables, table)]
    if table.command:
        commits = " and ".join(table.commit.split())
        parts.append(f"Measured on {table.machine}; the figures came with commit {commits} on {table.date}:\n")
        parts.append(f"```bash\n{table.command}\n```\n")
    return "\n".join(part for part in parts if part)


def pages(root: Path = ROOT) -> dict[Path, str]:
    """The text that each page of the documentation should have.

    Raises:
        ValueError: for a page that asks for a table that does not exist, and a table that is not shown in full once.
    """
    tables, wanted = read_tables(root / "benchmarks" / "results"), dict[Path, str]()
    in_full_on = defaultdict[str, list[str]](list)
    for path in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        text = path.read_text(encoding="utf-8")
        for _, kind, name, _ in BLOCK.findall(text):
            if name not in tables:
                raise ValueError(f"{path.name}: shows the table {name!r}, but there is no results/{name}.json")
            if kind == "results":
                in_full_on[name].append(path.name)

        def fill(match: re.Match[str]) -> str:
            shown = markdown if match[2] == "table" else in_full
            return f"{match[1]}\n{shown(tables, tables[match[3]])}\n{match[4]}"

        wanted[path] = BLOCK.sub(fill, text)
    for name in tables:
        if len(in_full_on[name]) != 1:
            where = " and ".join(in_full_on[name]) or "no page"
            raise ValueError(f"{name}.json: {where} has the line <!-- results: {name} -->, expected one page")
    return wanted


def outdated(root: Path = ROOT) -> list[Path]:
    """The pages that do not show the figures of the files."""
    return [path for path, text in pages(root).items() if not path.exists() or path.read_text(encoding="utf-8") != text]


def measured(name: str, title: str, columns: list[str], rows: list[list[str]], note: str, command: str) -> Results:
    """A table of what the code that is checked out has just measured, on one thread."""
    return Results(name, title, columns, rows, note, command, current_commit(), today(), MACHINE)


def save(table: Results, folder: Path = RESULTS) -> None:
    """Write the file of a table, one line a row."""
    fields = {name: json.dumps(value, ensure_ascii=False) for name, value in table._asdict().items() if name != "name"}
    rows = (json.dumps(row, ensure_ascii=False) for row in table.rows)
    fields["rows"] = "[\n    " + ",\n    ".join(rows) + "\n  ]"
    order = ("title", "command", "commit", "date", "machine", "columns", "rows", "note")
    text = ",\n".join(f'  "{name}": {fields[name]}' for name in order)
    write_text(folder / f"{table.name}.json", f"{{\n{text}\n}}\n", force=True)


def parse_markdown(text: str) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the first Markdown table in a text.

    Raises:
        ValueError: when there is none.
    """
    lines = [line.strip() for line in text.splitlines()]
    table = [[part.strip() for part in line[1:-1].split("|")] for line in lines if line[:1] == line[-1:] == "|"]
    if len(table) < 3 or {len(row) for row in table} != {len(table[0])}:
        raise ValueError("standard input: no Markdown table found, expected one as the benchmarks print them")
    return table[0], table[2:]


def current_commit() -> str:
    """The first seven digits of the commit that is checked out."""
    return subprocess.check_output(("git", "rev-parse", "--short=7", "HEAD"), cwd=ROOT, text=True).strip()


def today() -> str:
    """The date, as results files have it."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def take(name: str, text: str, given: dict[str, str], folder: Path = RESULTS) -> list[str]:
    """Store a printed table; title, note, command and machine stay as they were where they are not given.

    Returns:
        the names of the files written.

    Raises:
        ValueError: when a new table lacks a title, a command or a machine.
    """
    columns, rows = parse_markdown(text)
    keys = re.findall(r"{(.+?)}", name)
    kept = [i for i, column in enumerate(columns) if column not in keys]
    groups = defaultdict[str, list[list[str]]](list)
    for row in rows:
        groups[name.format_map(dict(zip(columns, row, strict=True)))].append([row[i] for i in kept])
    now = {"commit": current_commit(), "date": today()}
    before = read_tables(folder)
    for label, group in groups.items():
        old = before[label]._asdict() if label in before else {}
        values = {**old, "name": label, "columns": [columns[i] for i in kept], "rows": group, **now, **given}
        missing = [field for field in ("title", "command", "machine") if field not in values]
        if missing:
            raise ValueError(f"{label} is a new table: give --{' and --'.join(missing)}")
        save(Results(**values), folder)
    return list(groups)


def main() -> None:
    """Write the pages, check them, or take a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page is out of date")
    parser.add_argument("--take", metavar="NAME", help="store the table on standard input under this name")
    for field in ("title", "note", "command", "machine"):
        parser.add_argument(f"--{field}", help=f"of the table to take (default: its present {field})")
    arguments = parser.parse_args()
    try:
        if arguments.take:
            given = {field: vars(arguments)[field] for field in ("title", "note", "command", "machine")}
            given = {field: value for field, value in given.items() if value is not None}
            print("wrote", ", ".join(take(arguments.take, sys.stdin.read(), given)))
        late = outdated()
    except ValueError as error:
        sys.exit(f"write_results: {error}")
    if arguments.check and late:
        names = ", ".join(str(path.relative_to(ROOT)) for path in late)
        sys.exit(f"out of date: {names}; run python benchmarks/write_results.py")
    for path in late:
        path.write_text(pages()[path], encoding="utf-8")
        print("wrote", path.relative_to(ROOT))


if __name__ == "__main__":
    main()

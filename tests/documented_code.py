"""Code that the documentation shows: quoted from a file, or to be added to one.

A block of Python that follows `<!-- quote: FILE -->` must be in FILE, but for docstrings. One that follows
`<!-- add: FILE after: LINE -->` (or `before`, or `instead of`) is put next to the only line of FILE that begins
with LINE, with its indentation; without a LINE it is put at the end of FILE, which may be new. `row` instead of
`add` puts a comma behind it.
"""

from __future__ import annotations

import ast
import re
import shutil
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(
    r"^<!-- (quote|add|row): (\S+?)(?: (after|before|instead of): (.+?))? -->\n```python\n(.*?)^```",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A block of a page, with what is to be done with it."""

    page: str
    kind: str
    file: str
    side: str
    line: str
    code: str


def blocks(page: Path) -> list[Block]:
    """The marked blocks of a page."""
    return [Block(page.name, *match.groups("")) for match in BLOCK.finditer(page.read_text(encoding="utf-8"))]


def is_quoted(block: Block) -> bool:
    """Whether every statement of a quote is in its file, but for docstrings."""
    source = (ROOT / block.file).read_text(encoding="utf-8")
    flat = "\n".join(line.strip() for line in _bare(source))
    return "\n".join(line.strip() for line in _bare(block.code)) in flat


def _bare(source: str) -> list[str]:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).splitlines()


def copy_tree(to: Path) -> None:
    """Copy the packages and the tests, without caches and weights."""
    skipped = shutil.ignore_patterns("__pycache__", "*.safetensors", "*.nbi", "*.nbc")
    for name in ("tsp", "envs", "baselines", "policies", "tests"):
        shutil.copytree(ROOT / name, to / name, ignore=skipped)


def add_blocks(page: Path, to: Path) -> set[str]:
    """Make the additions of a page in a copy of the tree.

    Returns:
        the files that were changed.

    Raises:
        AssertionError: naming the page, the file and the line that is not there, or there twice.
    """
    additions = [block for block in blocks(page) if block.kind != "quote"]
    for block in additions:
        path = to / block.file
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        indent, first, past = "", len(lines), len(lines)
        if block.line:
            places = [i for i, line in enumerate(lines) if line.strip().startswith(block.line)]
            assert len(places) == 1, f"{block.page}: {len(places)} lines of {block.file} begin with {block.line!r}"
            indent = re.match(" *", lines[places[0]])[0]
            first = places[0] + (block.side == "after")
            past = first + (block.side == "instead of")
        lines[first:past] = textwrap.indent(_spaced(block), indent).splitlines(keepends=True)
        path.write_text("".join(lines), encoding="utf-8")
    return {block.file for block in additions}


def _spaced(block: Block) -> str:
    """The code with what separates it from its neighbours: a comma, or two blank lines."""
    if block.kind == "row":
        return block.code.rstrip("\n") + ",\n"
    if re.match("@|class |def ", block.code):
        return block.code + "\n\n" if block.line else "\n\n" + block.code
    return block.code


def import_everywhere(name: str, module: str, files: set[str], to: Path) -> None:
    """Import `name` from `module` in those files that use it."""
    for file in files - {module.replace(".", "/") + ".py"}:
        path = to / file
        text = path.read_text(encoding="utf-8")
        if name in text:
            start = "from __future__ import annotations\n"
            path.write_text(text.replace(start, f"{start}\nfrom {module} import {name}\n", 1), encoding="utf-8")

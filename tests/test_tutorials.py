"""The tutorials do what they say: their commands and their Python run in order, in one folder, and show what is shown.

Trainings and time limits are cut short. A block of text after a block that runs is a part of its output, but for the
digits; the first blocks of text of a page, before anything ran, are the beginning of a file of `examples/`.
"""

import re
import runpy
import shlex

import pytest
from documented_code import ROOT

from tsp.cli import main

PAGES = ("deliveries", "uncertain-day", "which-solver", "first-hour", "own-instances", "adding-a-problem")
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.py"))
FENCED = re.compile(r"^(?:<!-- (quote): .*? -->\n)?```(bash|python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHORT = {
    "solve": {"--time-limit": "0.3"},
    "compare": {"--time-limit": "0.05"},
    "train": {
        "--minutes": "0.01",
        "--epoch-size": "64",
        "--batch-size": "32",
        "--validation-instances": "20",
    },
}
"""Command → options that the test gives, in place of the page's."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the examples in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def commands(block):
    """The words of each command of `tsp`; the code with which it ends is 0, or a comment names it."""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["tsp"]:
            named = re.search(r"# exit code (\d)", line)
            yield words[1:], int(named[1]) if named else 0


def shortened(words):
    """The command with a search, a comparison or a training that ends soon."""
    values = SHORT.get(words[0], {})
    own = zip([*words, ""], ["", *words], strict=True)
    kept = [word for word, before in own if word and word not in values and before not in values]
    return [*kept, *(word for option in values.items() for word in option)]


def without_digits(text):
    return " ".join(re.sub(r"[-+]?\d[\d.,:]*", "#", text).split())


def run_python(block, folder):
    (folder / "snippet.py").write_text(block, encoding="utf-8")
    runpy.run_path("snippet.py")


def lines_missing(text, printed):
    """The lines of a text that were not printed, but for the digits; `…` stands for any lines."""
    lines = {without_digits(line) for line in printed.splitlines()}
    return [line for line in text.splitlines() if line != "…" and without_digits(line) not in lines]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_runs_from_its_first_line_to_its_last(page, folder, capsys):
    printed, ran = "", 0
    for quote, language, block in FENCED.findall((ROOT / f"docs/{page}.md").read_text(encoding="utf-8")):
        if language == "text":
            files = "".join(path.read_text(encoding="utf-8") for path in folder.glob("**/*.csv"))
            files += "".join(path.read_text(encoding="utf-8") for path in (ROOT / "examples").glob("*.csv"))
            assert lines_missing(block, printed + files) == []
        elif quote:
            continue  # tested with the other quotes, and by running the file
        elif language == "python":
            run_python(block, folder)
            printed, ran = capsys.readouterr().out, ran + 1
        else:
            for words, code in commands(block):
                codes = {code, 1} if words[0] == "compare" else {code}  # in so little time an answer may be missing
                assert main(shortened(words)) in codes, (words, capsys.readouterr().err)
                printed, ran = capsys.readouterr().out, ran + 1
    assert ran


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook, folder, capsys):
    """With fewer steps and instances than the file says."""
    source = notebook.read_text(encoding="utf-8")
    assert source.startswith("# %% [markdown]\n# # ")
    run_python(re.sub(r"^(STEPS|TESTED) = \d+", r"\1 = 3", source, flags=re.MULTILINE), folder)
    assert capsys.readouterr().out

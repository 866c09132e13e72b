"""What is said where: messages, errors, and their color."""

import io

import pytest

from tsp.cli import console


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "prefix"),
    [
        (Terminal(), {"TERM": "xterm"}, "\x1b[31mtsp:\x1b[0m "),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, "tsp: "),
        (Terminal(), {"TERM": "dumb"}, "tsp: "),
        (io.StringIO(), {"TERM": "xterm"}, "tsp: "),
    ],
)
def test_errors_have_a_color_on_terminals_alone(monkeypatch, stream, variables, prefix):
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr", stream)
    console.complain("no such file")
    assert stream.getvalue() == f"{prefix}no such file\n"


NOTED = "name,x,y,speed\nHub,0,0,7\nAda,1,1,8\n"


def test_quiet_leaves_out_notes_and_keeps_results_and_errors(tsp, tmp_path):
    (tmp_path / "day.csv").write_text(NOTED)
    words = ("solve", "day.csv", "--solver", "nearest")
    assert "nothing reads column" in tsp(*words)[2]
    code, out, err = tsp(*words, "--quiet")
    assert (code, err) == (0, "")
    assert "length" in out
    assert "nothing reads column" in tsp(*words)[2]  # it lasts for one command
    code, _, err = tsp("solve", "none.csv", "--quiet")
    assert (code, err) == (2, "tsp: none.csv: no such file or directory\n")


def test_quiet_shows_no_progress_on_a_terminal(monkeypatch):
    for quiet in (False, True):
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        console.set_quiet(quiet)
        with console.progress_bar(2, "instance") as advance:
            advance(1)
        console.set_quiet(False)
        assert bool(terminal.getvalue()) != quiet


def test_an_error_is_one_line_whatever_names_it_holds(tsp, tmp_path):
    (tmp_path / "day.csv").write_text('name,x,y,demand\nHub,0,0,0\n"Ada\nLovelace",3,0,9\n')
    code, out, err = tsp("solve", "day.csv", "--capacity", "5")
    assert (code, out) == (2, "")
    assert err == "tsp: day: node Ada\\nLovelace demands 9, expected at most the capacity 5\n"

"""The scripts of `tsp completion`, sourced in the shells that read them."""

import shutil
import subprocess

import pytest
from command_line import refusal

ASK = {
    "bash": "COMP_WORDS=({words}); COMP_CWORD={last}; _tsp; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "zsh": "emulate ksh; COMP_WORDS=({words}); COMP_CWORD={last}; _tsp; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
}
START = {"bash": "", "zsh": "autoload -U compinit && compinit -u -D\n"}


@pytest.fixture(params=["bash", "zsh"])
def complete(request, tsp, tmp_path):
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    code, script, _ = tsp("completion", shell)
    assert code == 0

    def ask(*words):
        text = ASK[shell].format(words=" ".join(map(repr, words)), last=len(words) - 1)
        (tmp_path / "script").write_text(f"{START[shell]}{script}\n{text}\n")
        done = subprocess.run([shell, tmp_path / "script"], capture_output=True, text=True, check=True, timeout=60)
        assert not done.stderr
        return [word for word in done.stdout.split() if word.startswith(words[-1])]  # zsh leaves that to its caller

    return ask


def test_commands_are_completed(complete):
    assert complete("tsp", "co") == ["compare", "convert", "completion"]
    assert "--version" in complete("tsp", "--")


def test_options_of_the_command_are_completed(complete):
    assert complete("tsp", "solve", "--time-l") == ["--time-limit"]
    assert {"--quiet", "--help", "--walls", "--force"} <= set(complete("tsp", "solve", "examples/berlin52.tsp", "--"))
    assert complete("tsp", "check", "--time-l") == []


def test_values_of_options_are_completed(complete):
    assert complete("tsp", "solve", "--problem", "tspt") == ["tsptw", "tsptw-makespan"]
    assert complete("tsp", "solve", "--solver", "ort") == ["ortools"]
    assert complete("tsp", "solve", "--format", "") == ["csv", "tsplib", "json"]
    assert complete("tsp", "completion", "z") == ["zsh"]


def test_files_are_left_to_the_shell(complete):
    assert complete("tsp", "solve", "exa") == []
    assert complete("tsp", "solve", "--out", "to") == []


def test_another_shell_is_refused(tsp):
    assert "invalid choice: 'fish'" in refusal(tsp("completion", "fish"))

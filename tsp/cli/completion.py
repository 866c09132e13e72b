"""`tsp completion`: a script that completes the words of the program in a shell."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING

from tsp.cli.command import DONE, Command
from tsp.cli.console import show

if TYPE_CHECKING:
    from collections.abc import Mapping

BASH = """\
# Completion of `tsp` in bash; in a start file: eval "$(tsp completion bash)"
_tsp() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} words=
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        words={commands}
    else
        case ${{COMP_WORDS[1]}} in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _tsp tsp
"""

ZSH = """\
# Completion of `tsp` in zsh; in a start file, after compinit: eval "$(tsp completion zsh)"
autoload -U +X bashcompinit && bashcompinit
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH + BASH.partition("\n")[2]}
"""Shell → the script, which lists commands and the words after each. zsh runs that of bash."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `tsp completion`."""
    command.add_argument("shell", choices=tuple(SCRIPTS), help="the shell that reads the script")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    commands: Mapping[str, Command] = arguments.commands
    cases = "\n".join(_case(name, command) for name, command in commands.items())
    listed = shlex.quote(" ".join([*commands, "--help", "--version"]))
    show(SCRIPTS[arguments.shell].format(commands=listed, cases=cases).rstrip())
    return DONE


def _case(name: str, command: Command) -> str:
    """The lines that complete the words after a command: values of its options, or else options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    command.add_options(parser)
    actions = parser._actions  # noqa: SLF001 - argparse lists them nowhere else
    values = _values()
    flags = ["--help", "--quiet"]
    lines: list[str] = []
    for action in actions:
        if not action.option_strings or action.help == argparse.SUPPRESS:
            continue
        flags += action.option_strings
        if action.nargs == 0:
            continue
        known = " ".join(map(str, action.choices or values.get(action.option_strings[-1], ())))
        lines.append(f"                {'|'.join(action.option_strings)}) words={shlex.quote(known)} ;;")
    others = " ".join(str(choice) for action in actions if not action.option_strings for choice in action.choices or ())
    options = f"[[ $current == -* ]] && words={shlex.quote(' '.join(flags))} || words={shlex.quote(others)}"
    chosen = "\n".join([*lines, f"                *) {options} ;;"])
    return f"            {name})\n                case $previous in\n{chosen}\n                esac ;;"


def _values() -> dict[str, tuple[str, ...]]:
    """The values of options whose names are not in the parser; files are completed for all others."""
    from tsp.problems import GOALS, PROBLEMS
    from tsp.solvers.registry import known_solvers

    solvers = tuple(sorted(known_solvers()))
    return {
        "--problem": tuple(PROBLEMS),
        "--solver": solvers,
        "--solvers": solvers,
        "--objective": tuple(GOALS),
        "--unit": ("m", "km", "mi"),
        "--device": ("auto", "cpu", "cuda"),
        "--workers": ("ray",),
    }


COMMAND = Command(
    "print a script that completes words in a shell", 'eval "$(tsp completion bash)"', add_options=add_options, run=run
)

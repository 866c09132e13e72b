"""Example files, and checks of a command's output; the fixture `tsp` runs a command."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[1]
BERLIN = str(ROOT / "examples" / "berlin52.tsp")
POSTERS = str(ROOT / "examples" / "poster-session.csv")


def refusal(result):
    """The sentence with which a command was refused."""
    code, out, err = result
    assert code == 2
    assert out == ""
    lines = err.strip().splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("tsp: ")
    assert "Traceback" not in err
    return lines[0]


def solved(result):
    """The only solution that a command printed as JSON."""
    code, out, _ = result
    assert code == 0
    (solution,) = json.loads(out)["solutions"]
    return solution

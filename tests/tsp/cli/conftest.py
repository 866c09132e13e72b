"""The fixture that runs a command."""

import pytest

from tsp.cli import main


@pytest.fixture
def tsp(capsys, monkeypatch, tmp_path):
    """Run a command in an empty folder: its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run

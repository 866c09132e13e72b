import pytest


@pytest.fixture
def write(tmp_path):
    """A function that writes a file and returns its path."""

    def write(content, name="a.txt"):
        path = tmp_path / name
        path.write_text(content)
        return path

    return write

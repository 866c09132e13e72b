import pytest


@pytest.fixture
def write(tmp_path):
    """Writes a file and gives its path."""

    def write(content, name="a.txt"):
        path = tmp_path / name
        path.write_text(content)
        return path

    return write

"""The check of error messages for broken files."""

import pytest

from tsp.formats import read


def refuse(path, line, piece):
    """Check that reading fails with one sentence that names the file and the line, and contains `piece`."""
    with pytest.raises(ValueError, match=path.stem) as refusal:
        read(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}:{line}: ")
    assert piece in message
    assert "\n" not in message

"""What every reader owes who gave it a broken file."""

import pytest

from tsp.formats import read


def refuse(path, line, piece):
    """Reading is refused in one sentence that names the file and the line, and says `piece`."""
    with pytest.raises(ValueError, match=path.stem) as refusal:
        read(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}:{line}: ")
    assert piece in message
    assert "\n" not in message

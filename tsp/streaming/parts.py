"""`Parts`: a folder of answers, `part-00000.json` and so on, and `run.json`, which says what was asked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from tsp.files import read_utf8, require_readable, write_text
from tsp.formats.json_content import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

RUN = "run.json"
"""Name of the file of settings."""

MOST_PARTS = 100_000
"""The most parts of a folder: their numbers have five digits."""

MOST_NAMED = 5
"""The most instances that a summary names."""


@dataclass
class Counts:
    """How many instances were solved, and which were not.

    Attributes:
        solved: number of instances with a feasible solution.
        infeasible: number of those for which no feasible solution was found.
        failed: number of those that could not be read or solved.
        examples: sentences on the first few of the last two.
    """

    solved: int = 0
    infeasible: int = 0
    failed: int = 0
    examples: list[str] = field(default_factory=list[str])

    @property
    def total(self) -> int:
        """The number of all instances."""
        return self.solved + self.infeasible + self.failed

    def add(self, other: Counts) -> None:
        """Count the instances of another part."""
        self.solved += other.solved
        self.infeasible += other.infeasible
        self.failed += other.failed
        self.examples = (self.examples + other.examples)[:MOST_NAMED]

    @classmethod
    def of(cls, content: dict[str, Any]) -> Counts:
        """Count the instances of a part.

        Raises:
            KeyError, TypeError: for the content of another file.
        """
        solutions, failures = content["solutions"], content["failures"]
        none = [entry for entry in solutions if not entry["feasible"]]
        examples = [f"instance {failure['index']}: {failure['error']}" for failure in failures]
        examples += [f"{entry['instance']}: {'; '.join(entry['violations'])}" for entry in none]
        return cls(len(solutions) - len(none), len(none), len(failures), examples[:MOST_NAMED])


class Parts:
    """A folder of parts.

    Args:
        folder: the folder; it exists.
        asked: what the answers depend on.
    """

    def __init__(self, folder: Path, asked: dict[str, Any]) -> None:
        self.folder, self._asked = folder, asked

    def path(self, number: int) -> Path:
        """The file of a part."""
        return self.folder / f"part-{number:05d}.json"

    def begin(self, *, resume: bool, force: bool) -> int | None:
        """Begin a run, or go on with an earlier one.

        Args:
            resume: whether to keep the parts of an earlier run.
            force: whether to delete them.

        Returns:
            the number of instances in a part of the earlier run, or None for a new one.

        Raises:
            ValueError: for parts of an earlier run without `resume` and `force`, and where it was asked for something
                else, by name.
        """
        path = self.folder / RUN
        if force:
            for old in (path, *self._files()):
                old.unlink(missing_ok=True)
        if not path.exists():
            if (old := next(self._files(), None)) is not None:
                raise ValueError(f"{old}: a part without {RUN}; use another folder, or --force to overwrite it")
            return None
        if not resume:
            raise ValueError(f"{path}: exists; use --resume to go on with that run, or --force to overwrite it")
        content: Any = read_json(path)
        earlier = cast("dict[str, Any]", content if isinstance(content, dict) else {})
        if type(earlier.get("size")) is not int or earlier["size"] < 1:
            raise ValueError(f"{path}: no settings of a run, expected those that `tsp solve --out FOLDER/` writes")
        self._require_same(path, earlier)
        return earlier["size"]

    def _require_same(self, path: Path, earlier: dict[str, Any]) -> None:
        """Refuse, by name, what an earlier run was not asked for."""
        asked = json.loads(json.dumps(self._asked))
        for name in sorted((earlier.keys() | asked.keys()) - {"size"}):
            now, then = asked.get(name), earlier.get(name)
            if now == then:
                continue
            what = (
                f"{name} {now}, but the run began with {then}"
                if name != "files"
                else "other files than the run began with"
            )
            raise ValueError(f"{path}: --resume with {what}; use another folder, or --force to begin anew")

    def write_size(self, size: int) -> None:
        """Write what was asked and the number of instances in a part, before the first part."""
        write_text(self.folder / RUN, json.dumps({**self._asked, "size": size}, indent=1) + "\n", force=False)

    def write(self, number: int, text: str) -> None:
        """Write a part."""
        write_text(self.path(number), text, force=False)

    def done(self) -> dict[int, Counts]:
        """The parts that are there, with the counts of their instances.

        Raises:
            ValueError: for a file that is no part.
        """
        out: dict[int, Counts] = {}
        for path in self._files():
            try:
                content: Any = json.loads(read_utf8(path))
                out[int(path.stem.removeprefix("part-"))] = Counts.of(content)
            except (ValueError, KeyError, TypeError, RecursionError):
                raise ValueError(f"{path}: no part of a run; delete it, and --resume makes it again") from None
        return out

    def _files(self) -> Iterator[Path]:
        return iter(sorted(self.folder.glob("part-[0-9][0-9][0-9][0-9][0-9].json")))


def digests(files: Sequence[str]) -> list[str]:
    """The names of files, each with a digest of its content."""
    out: list[str] = []
    for file in files:
        with require_readable(file).open("rb") as opened:
            out.append(f"{file} {hashlib.file_digest(opened, 'sha256').hexdigest()[:16]}")
    return out

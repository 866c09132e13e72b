"""`tsp solve --out FOLDER/`: solve a large set in workers, into a folder of parts."""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tsp import __version__
from tsp.cli.command import DONE, INFEASIBLE
from tsp.cli.console import complain, progress_bar, say, show
from tsp.cli.options import make_budget
from tsp.interrupts import exit_code

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator, Sequence

    from tsp.streaming import Counts

WHOLE = ("initial", "law", "plot", "probabilities", "json")
"""Options that need all instances or answers in memory."""

PLACES = ("files", "out", "run", "workers", "resume", "strict", "force", "quiet")
"""Options that do not change an answer."""

MOST_NOTES = 5
"""The most different notes that are printed."""

SECONDS = 10.0
"""Seconds between two messages on the progress, where there is no terminal."""


def is_folder(out: str | None) -> bool:
    """Whether `--out` names a folder: one that exists, or a path that ends in a slash or without a suffix."""
    return out is not None and (out.endswith("/") or not Path(out).suffix or Path(out).is_dir())


def refuse_options_of_parts(arguments: argparse.Namespace) -> None:
    """Refuse options that count for parts alone.

    Raises:
        ValueError: in one sentence.
    """
    for name in ("workers", "resume", "strict"):
        if getattr(arguments, name):
            raise ValueError(f"--{name}: expected --out with a folder beside it, such as --out answers/")


def solve_to_parts(arguments: argparse.Namespace) -> int:
    """Solve the instances of files in workers, and write the answers part by part."""
    from tsp.cli.inputs import complete_instance, reading
    from tsp.files import hold_folder
    from tsp.streaming import Counts, Parts, Settings, digests, open_sources, prepare, solve_files
    from tsp.workers import open_workers

    for name in WHOLE:
        if getattr(arguments, name):
            raise ValueError(f"--{name}: expected one file in --out beside it, not a folder")
    if arguments.resume and arguments.force:
        raise ValueError("--resume: keeps the parts that --force deletes, expected one of them")
    if "-" in arguments.files or arguments.format is not None:
        raise ValueError("-: expected files that can be read again beside --out with a folder, not standard input")
    sources, folder = open_sources(arguments.files, reading(arguments)), Path(arguments.out)
    total = sum(source.count for source in sources)
    settings = Settings(
        arguments.solver, make_budget(arguments), arguments.device, partial(complete_instance, arguments=arguments)
    )
    beside = [file for file in (arguments.matrix, arguments.walls) if file is not None]
    asked = {
        name: value for name, value in vars(arguments).items() if name not in (*PLACES, *WHOLE) and value is not None
    }
    parts = Parts(
        folder,
        {"version": __version__, "files": digests([*arguments.files, *beside]), **asked},
    )
    counts, tell = Counts(), Notes()
    with hold_folder(folder), warnings.catch_warnings():
        warnings.showwarning = tell.show_warning
        size = parts.begin(resume=arguments.resume, force=arguments.force)
        start = partial(prepare, settings, sources[0].part(0, 1))
        with (
            open_workers(arguments.workers or 1, arguments.threads, start) as workers,
            progress(total) as show_progress,
        ):
            try:
                for state in solve_files(sources, settings, workers, parts, size, strict=arguments.strict):
                    counts = state.counts
                    tell(state.notes)
                    show_progress(counts.total)
            except KeyboardInterrupt as interrupt:
                complain(f"interrupted: {counts.total} of {total} instances are in {folder}; --resume goes on")
                return exit_code(interrupt)
    show(_describe(counts, folder))
    return INFEASIBLE if counts.infeasible or counts.failed else DONE


class Notes:
    """Prints different notes, up to a number."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def show_warning(self, message: Warning | str, *_: object, **__: object) -> None:
        """Print a warning, as `warnings.showwarning` does."""
        self([str(message)])

    def __call__(self, notes: Sequence[str]) -> None:
        """Print those that are new."""
        for text in notes:
            if text in self._seen or len(self._seen) > MOST_NOTES:
                continue
            self._seen.add(text)
            say(f"note: {text}" if len(self._seen) <= MOST_NOTES else "note: further notes are not printed")


@contextmanager
def progress(total: int) -> Generator[Callable[[int], None]]:
    """A progress bar on a terminal; else a message every few seconds, with the time that is left."""
    begun: list[int] = []
    started = latest = time.monotonic()
    with progress_bar(total, "instance", lines=True) as advance:

        def show_progress(done: int) -> None:
            nonlocal started, latest
            now = time.monotonic()
            if not begun:
                begun.append(done)
                started = now
            text = ""
            if now - latest >= SECONDS and begun[0] < done < total:
                latest = now
                left = (now - started) / (done - begun[0]) * (total - done)
                text = f"{done} of {total} instances, about {_duration(left)} left"
            advance(done, text=text)

        yield show_progress


def _duration(seconds: float) -> str:
    """A time in two figures or so."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _describe(counts: Counts, folder: Path) -> str:
    """How many instances were solved, and the first of those that were not."""
    facts = [f"{counts.total} instances: {counts.solved} solved"]
    facts += [f"{counts.infeasible} without a feasible solution"] if counts.infeasible else []
    facts += [f"{counts.failed} not read or not solved"] if counts.failed else []
    lines = [", ".join(facts) + f"; answers in {folder}", *(f"  {example}" for example in counts.examples)]
    hidden = counts.infeasible + counts.failed - len(counts.examples)
    return "\n".join([*lines, f"  … and {hidden} more"] if hidden else lines)

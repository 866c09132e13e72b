"""The folder of compiled kernels, named by a hash of all kernels' sources.

A kernel is compiled together with the parts that it calls from other modules, but numba's cache watches only the
module of the kernel itself. With the hash in the path, an edit of any of them compiles all of them again.

Every file there begins with a checksum of the rest: damaged machine code ends the process, or does something else.
A damaged file is compiled anew. The checksum is no protection against somebody who can write into the folder.

Of processes that need a kernel at the same time, one compiles it, and the others wait for its code. Code that is there
is loaded without a lock.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import time
import warnings
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numba.core import config
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.compiler_lock import global_compiler_lock
from numba.misc.appdirs import AppDirs

from tsp.interrupts import interrupts_outside

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = Path(__file__).parents[1]
PREFIX = "travelling-scientist-kernels-"
DIGEST_BYTES = hashlib.sha256().digest_size
DIGITS = 12
"""Number of hexadecimal digits of the hash in the folder's name."""
CALLED_BY_LLVM = "llvmlite.binding.executionengine"
"""The module whose functions LLVM calls when it has compiled something."""
PATIENCE, PAUSE = 600.0, 0.02
"""Seconds that a process waits for the code of another one, and between two tries.

The system unlocks what a dead process had locked: only one that was stopped is waited for so long."""


def sources_hash(folder: Path) -> str:
    """A hash of the names and the contents of all modules in a package."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:DIGITS]


@cache
def cache_folder() -> Path:
    """The folder for the kernels of this package."""
    return folder_of(PACKAGE)


def folder_of(package: Path) -> Path:
    """The folder for this version of a package's sources: in `NUMBA_CACHE_DIR`, beside them, or in the user's cache.

    Folders of other versions in the same place are removed.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        place = Path(os.environ["NUMBA_CACHE_DIR"])
    else:
        beside = package / "__pycache__"
        can_write = os.access(beside if beside.exists() else package, os.W_OK)
        place = beside if can_write else Path(AppDirs(appname="numba", appauthor=False).user_cache_dir)
    folder = place / f"{PREFIX}{sources_hash(package)}"
    for old in place.glob(f"{PREFIX}*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    return folder


class CheckedFile(IndexDataCacheFile):
    """The files of one kernel: its index and its machine code, each behind its checksum."""

    def save(self, key: Any, data: object) -> None:  # noqa: ANN401 - numba's own
        """Store code, and with it what it is the code of: files are also read while another process changes them."""
        super().save(key, (self._version, self._source_stamp, key, data))

    def load(self, key: Any) -> Any:  # noqa: ANN401 - numba's own
        """The code for a key, or None."""
        stored = super().load(key)
        if stored is None or stored[:-1] != (self._version, self._source_stamp, key):
            return None
        return stored[-1]

    def _write(self, path: str, content: bytes) -> None:
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _read(self, path: str) -> Any:  # noqa: ANN401 - what was written
        stored = Path(path).read_bytes()
        digest, content = stored[:DIGEST_BYTES], stored[DIGEST_BYTES:]
        if digest != hashlib.sha256(content).digest():
            raise ValueError(f"{path}: damaged")
        return pickle.loads(content)  # noqa: S301 - as numba does; the folder must not be writable by others

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, self._dump((self._version, self._source_stamp, overloads)))

    def _load_index(self) -> dict[Any, str]:
        try:
            version, stamp, overloads = self._read(self._index_path)
        except FileNotFoundError:
            return {}
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_data(self, name: str, data: object) -> None:
        self._write(self._data_path(name), self._dump(data))

    def _load_data(self, name: str) -> Any:  # noqa: ANN401 - what was written
        return self._read(self._data_path(name))


class KernelCache(FunctionCache):
    """The stored code of one kernel; what cannot be read is compiled anew, what cannot be written is not kept."""

    def __init__(self, function: Callable[..., Any], patience: float = PATIENCE) -> None:
        super().__init__(function)
        given = self._cache_file
        self._cache_file = CheckedFile(self._cache_path, self._impl.filename_base, given._source_stamp)  # noqa: SLF001
        self._patience = patience
        self._is_alone = False
        self._locks = ExitStack()

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401 - numba's own
        """The stored code for a signature, or None: then other processes wait until the code is compiled."""
        found = self._look(sig, target_context)
        if found is None and not self._is_alone:
            self._locks.enter_context(self.alone())
            found = self._look(sig, target_context)  # another process may have stored it before this one had the lock
        return found

    def _look(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401 - numba's own
        """The stored code for a signature, or None; damaged files are removed by the one process that compiles."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:
            if self._is_alone:
                _note(f"compiled code in {self._cache_path} is damaged ({type(error).__name__}), and is made anew")
                for path in Path(self._cache_path).glob(f"{self._impl.filename_base}.*nb[ic]"):
                    with suppress(OSError):
                        path.unlink()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401 - numba's own
        """Store the code for a signature where there is room."""
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _note(f"compiled code cannot be kept in {self._cache_path} ({error.strerror}); each start compiles it")

    @contextmanager
    def one_compilation(self) -> Iterator[None]:
        """Within this context, the lock of a look that finds nothing is kept until the end."""
        with ExitStack() as locks:
            self._locks, before = locks, self._locks
            try:
                yield
            finally:
                self._locks = before

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from compiling this kernel meanwhile, where the system and the folder have locks."""
        descriptor = -1
        if fcntl is not None and not self._is_alone:
            with suppress(OSError):
                path = Path(self._cache_path) / f"{self._impl.filename_base}.lock"
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._is_alone, before = True, self._is_alone
        try:
            if descriptor >= 0:
                _lock(descriptor, self._patience)
            yield
        finally:
            self._is_alone = before
            if descriptor >= 0:
                if fcntl is not None:
                    with suppress(OSError):
                        fcntl.flock(descriptor, fcntl.LOCK_UN)  # copies of this process may have the file open too
                os.close(descriptor)


def _lock(descriptor: int, patience: float) -> None:
    """Lock an open file, unless another process keeps it for too long or the file system has no locks."""
    assert fcntl is not None
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(PAUSE)
        except OSError:
            return
        else:
            return


def keep(compiled: Any, stored: KernelCache) -> None:  # noqa: ANN401 - numba's dispatcher
    """Let a compiled function load its code from where it is stored, and store it."""
    compile_one = compiled.compile

    def compile_alone(signature: Any) -> Any:  # noqa: ANN401 - numba's own
        with (
            global_compiler_lock,
            stored.one_compilation(),  # in this order, in which threads that compile take them too
            interrupts_outside(CALLED_BY_LLVM),
        ):
            return compile_one(signature)

    compiled._cache = stored  # noqa: SLF001 - as numba's own `cache=True` does
    compiled.compile = compile_alone


@cache
def _note(text: str) -> None:
    """Say something once for each folder."""
    warnings.warn(text, stacklevel=2)


@contextmanager
def kernel_cache() -> Iterator[None]:
    """Let functions that are decorated within this context store their compiled code in `cache_folder`."""
    before = config.CACHE_DIR  # pyright: ignore[reportAttributeAccessIssue] - set when numba is imported
    config.CACHE_DIR = str(cache_folder())  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        config.CACHE_DIR = before  # pyright: ignore[reportAttributeAccessIssue]

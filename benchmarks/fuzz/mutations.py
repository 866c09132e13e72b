"""Random changes of files that know how the files are built.

A change keeps the outer layers of a file whole (archives, headers, JSON), so that it reaches the code behind them.
"""

from __future__ import annotations

import gzip
import io
import json
import pickletools
import random
import re
import struct
import zipfile
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

Change = Callable[[bytes, random.Random], bytes]

NUMBERS = (
    *("0", "-0", "1", "-1", "2", "3", "0.5", "-0.5", "1e-300", "1e300", "-1e300", "1e999", "-1e999", "nan", "inf"),
    *("-inf", "1e16", "9007199254740993", "2147483648", "4294967296", "18446744073709551616", "1" * 400, "1_0"),
    *("0x10", "1e", ".", "+1", "1,5", "1.2.3", "٣", "²", "½", "true", "null", "00", "1e5", "12:30", "25:61", "9am"),
    *("24:00", "2026-02-30", "2026-09-01 09:00", "9999-12-31T23:59", "-12:00", "1h", "90 min", "0" * 400 + "1"),
)
WORDS = (
    *("", " ", "\t", ",", ";", ":", "|", '"', '""', "'", "\0", "\ufeff", "\r", "\u2028", "\x85", "\x1b[31m", "#", "//"),
    *("-", "a", "A1", "none", "any", "x" * 300, "é", "\U0001f600", "=1+1", "../../etc/passwd", "EOF", "-1", "[]", "{}"),
)
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 10**9, 10**30, 10**400, 0.5, -0.5, 1e308, float("nan"), float("inf"), 1e-320),
    *("", "a", "1", "nan", "\ud800", "\0", [], {}, [[]], [0], [0, 0], [1, 2, 3], {"a": 1}, [[0, 1], [2]], "x" * 300),
)
DTYPES = (
    *("<f8", "<f4", "<f2", ">f8", "<i8", "<i4", "|i1", "|u1", "<u8", "|b1", "<c16", "<U3", "|S2"),
    *("<M8[s]", "|V4", "<f8,<i4"),
)
PICKLED = (
    *(
        b"N",
        b"K\x00",
        b"K\x01",
        b"J\xff\xff\xff\xff",
        b"I01\n",
        b"I9999999999999999999999\n",
        b"\x8a\x09" + b"\xff" * 9,
    ),
    *(b"G\x7f\xf8\0\0\0\0\0\0", b"G\x7f\xf0\0\0\0\0\0\0", b"X\x01\0\0\0a", b"\x8c\x00", b"]", b"}", b")", b"(", b"l"),
    *(b"t", b"a", b"e", b"s", b"u", b"0", b"1", b"2", b"\x85", b"\x86", b"\x87", b"h\x00", b"h\x01", b"q\x00", b"\x94"),
    *(b"R", b"b", b"cos\nsystem\n", b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"\x81", b".", b"\x80\x05", b"\x8f"),
    *(b"\x90", b"\x91"),
)
LARGEST = 60_000
"""Bytes of an input."""


def change_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change, insert, delete or repeat a few bytes."""
    if not data:
        return rng.randbytes(4)
    place, length = rng.randrange(len(data)), rng.choice((1, 1, 2, 4, 16))
    fillings = (b"", rng.randbytes(length), data[place : place + length] * 2, b"\0" * length, b"\xff" * length)
    middle = rng.choice(fillings)
    return data[:place] + middle + data[place + rng.choice((0, length)) :]


def change_text(data: bytes, rng: random.Random) -> bytes:
    """Change words, numbers, lines, separators or the encoding of a text."""
    text = data.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    place = rng.randrange(len(lines))
    kind = rng.randrange(14)
    if kind <= 5:
        words = re.split(r"([\s,;:|=\[\]{}\"]+)", lines[place])
        i = rng.randrange(len(words))
        kind = rng.randrange(6)
        if kind <= 2:
            words[i] = rng.choice(NUMBERS)
        elif kind == 3:
            words[i] = rng.choice(WORDS)
        elif kind == 4:
            words[i : i + 2] = [] if rng.random() < 0.5 else words[i : i + 2] * 2
        else:
            other = re.split(r"([\s,;:|=]+)", rng.choice(lines))
            words[i] = rng.choice(other)
        lines[place] = "".join(words)
    elif kind == 6:
        lines[place : place + 1] = []
    elif kind == 7:
        lines[place:place] = [rng.choice(lines)] * rng.choice((1, 1, 2, 50))
    elif kind == 8:
        other = rng.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 9:
        lines = lines[:place]
    elif kind == 10:
        separators = (("\n", "\r\n"), (",", ";"), (" ", "\t"), (" ", ","), (".", ","), ("\n", "\r"), (",", ", "))
        old, new = rng.choice(separators)
        return text.replace(old, new).encode("utf-8", "surrogateescape")
    elif kind == 11:
        lines[place] = rng.choice(("", " ", lines[place].upper(), lines[place].lower(), lines[place][::-1]))
    elif kind == 12:
        return text.encode(rng.choice(("utf-8-sig", "utf-16", "latin-1")), "replace")
    else:
        return change_bytes(data, rng)
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def change_json(data: bytes, rng: random.Random) -> bytes:
    """Change a value, a key or a branch of JSON; or its text."""
    if rng.random() < 0.1:
        return change_text(data, rng)
    try:
        return json.dumps(change_tree(json.loads(data), rng)).encode()
    except (RecursionError, ValueError):
        return change_text(data, rng)


def change_tree(tree: Any, rng: random.Random) -> Any:  # noqa: ANN401
    """A copy of lists, objects and values with one change."""
    if isinstance(tree, dict) and tree and rng.random() < 0.85:
        key = rng.choice(list(tree))
        kind = rng.randrange(8)
        if kind == 0:
            return {k: v for k, v in tree.items() if k != key}
        if kind == 1:
            return tree | {rng.choice((key.upper(), key[:-1], "name", "id")): tree[key]}
        return tree | {key: change_tree(tree[key], rng)}
    if isinstance(tree, list) and tree and rng.random() < 0.85:
        place = rng.randrange(len(tree))
        kind = rng.randrange(8)
        if kind == 0:
            return tree[:place] + tree[place + 1 :]
        if kind == 1:
            return tree[:place] + tree[place : place + 1] * rng.choice((2, 2, 50)) + tree[place + 1 :]
        return [*tree[:place], change_tree(tree[place], rng), *tree[place + 1 :]]
    if isinstance(tree, str) and tree[:1] in ("{", "[") and rng.random() < 0.8:  # JSON in JSON
        return change_json(tree.encode(), rng).decode("utf-8", "replace")
    if rng.random() < 0.1:
        return [tree] if rng.random() < 0.5 else {"a": tree}
    if isinstance(tree, int | float) and rng.random() < 0.4 and not isinstance(tree, bool):
        return rng.choice((-tree, tree + 1, tree - 1, 2 * tree, -tree - 1))
    return rng.choice(ODD)


def change_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """An array with other values, another shape or another type."""
    kind = rng.randrange(6)
    try:
        if kind <= 1 and array.size:
            flat = array.copy().reshape(-1)
            odd = (0, 1, -1, 0.5, 1e300, np.nan, np.inf, -np.inf, 2**31, 2**62, "x")
            flat[rng.randrange(flat.size)] = rng.choice(odd)
            return flat.reshape(array.shape)
        if kind == 2:
            return array.astype(rng.choice(DTYPES))
        if kind == 3:
            shapes = ((-1,), (1, -1), (-1, 1), (*array.shape, 1), (1, *array.shape), array.shape[::-1])
            return array.reshape(rng.choice(shapes))
        if kind == 4 and array.ndim:
            return rng.choice((array[:0], array[:1], array[1:], array[..., :0], array[..., :1], array.T, array.sum(0)))
        return np.array(rng.choice((0.0, np.nan, 1, [], "a", [[]], True, [1, 2], [[0.0, 1.0]])))
    except (OverflowError, TypeError, ValueError):
        return np.zeros(rng.choice(((0,), (1,), (2, 2), (0, 2), (3, 0, 2), ())))


def change_npz(data: bytes, rng: random.Random) -> bytes:
    """Change an array or a name of an archive of arrays; or bytes of an array's file; or of the archive."""
    kind = rng.random()
    if kind < 0.05:
        return change_bytes(data, rng)
    out = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        name = rng.choice(sorted(files))
        if kind < 0.2:
            files[name] = change_bytes(files[name], rng)
        elif kind < 0.3:
            files[rng.choice((*files, "a.npy", "names.npy", "prizes.npy", "../a.npy"))] = files.pop(name)
        else:
            files[name] = change_npy(files[name], rng)
        with zipfile.ZipFile(out, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for each, content in files.items():
                archive.writestr(each, content)
    except Exception:  # the archive is broken already
        return change_bytes(data, rng)
    return out.getvalue()


def change_npy(data: bytes, rng: random.Random) -> bytes:
    """Change an array; or the header of its file."""
    if rng.random() < 0.2:
        header, rest = data[:128], data[128:]
        return change_text(header, rng) + rest
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
        out = io.BytesIO()
        np.save(out, change_array(array, rng), allow_pickle=False)
        return out.getvalue()
    except Exception:  # numpy raises many kinds for a broken header
        return change_bytes(data, rng)


def change_pickle(data: bytes, rng: random.Random) -> bytes:
    """Exchange, repeat or delete operations of a pickle, which is never loaded."""
    if rng.random() < 0.1:
        return change_bytes(data, rng)
    try:
        starts = [place for _, _, place in pickletools.genops(data)] + [len(data)]
    except Exception:  # of a broken pickle
        return change_bytes(data, rng)
    pieces = [data[a:b] for a, b in pairwise(starts)]
    place = rng.randrange(len(pieces))
    kind = rng.randrange(5)
    if kind == 0:
        pieces[place : place + rng.choice((1, 1, 5))] = []
    elif kind == 1:
        pieces[place:place] = pieces[place : place + rng.choice((1, 5, 20))]
    elif kind == 2:
        pieces[place] = rng.choice(PICKLED)
    elif kind == 3:
        pieces.insert(place, rng.choice(PICKLED))
    else:
        pieces[place] = rng.choice(pieces)
    return b"".join(pieces)


def change_safetensors(data: bytes, rng: random.Random) -> bytes:
    """Change the header of a file of weights, the description in it, or numbers of the weights."""
    try:
        (length,) = struct.unpack("<Q", data[:8])
        header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
        kind = rng.random()
        if kind < 0.1:
            body = change_bytes(body, rng)
        elif kind < 0.8 and isinstance(header.get("__metadata__"), dict):
            header["__metadata__"] = change_tree(header["__metadata__"], rng)
        else:
            header = change_tree(header, rng)
        text = json.dumps(header).encode()
    except (AttributeError, RecursionError, struct.error, ValueError):
        return change_bytes(data, rng)
    return struct.pack("<Q", len(text)) + text + body


def change_gzip(data: bytes, rng: random.Random) -> bytes:
    """Change the text in a packed file; or bytes of the packed file."""
    try:
        inner = gzip.decompress(data)
    except Exception:  # it is broken already
        return change_bytes(data, rng)
    packed = gzip.compress(change_text(inner, rng), 1, mtime=0)
    return change_bytes(packed, rng) if rng.random() < 0.1 else packed


def changed(data: bytes, change: Change, rng: random.Random) -> bytes:
    """An input with one or a few changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        data = change(data, rng)
    return data[:LARGEST]

"""JSON files: their content, and a description of it for error messages."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, cast

from tsp.formats.text import quote, read_text

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    ("solutions",): "a solution",
    ("rows", "reference"): "a comparison of solvers",
    ("vehicles", "jobs"): "an input of VROOM",
    ("vehicles", "shipments"): "an input of VROOM",
    ("summary", "routes"): "a solution of VROOM",
    ("elements", "generator"): "an answer of OpenStreetMap's Overpass",
    ("nbformat", "cells"): "a Jupyter notebook",
}
"""Entries of an object → what the object is."""


def read_json(path: Path) -> object:
    """The content of a JSON file.

    Raises:
        ValueError: with the file, the line and what is wrong.
        OSError: for a file that cannot be read.
    """
    file = read_text(path)
    try:
        return json.loads(file.text, parse_float=_parse_finite)
    except json.JSONDecodeError as error:
        raise file.error(error.lineno, f"not JSON ({error.msg})") from None
    except OverflowError as error:
        raise ValueError(f"{path}: number {quote(str(error))} is too large, expected a finite number") from None
    except (RecursionError, ValueError):  # ValueError: a whole number of too many digits
        raise ValueError(f"{path}: nested too deeply, or with too long numbers; expected ordinary JSON") from None


def _parse_finite(literal: str) -> float:
    """A number that is written with digits, which is finite; json also knows the words Infinity and NaN."""
    value = float(literal)
    if math.isinf(value):
        raise OverflowError(literal)
    return value


def is_matrix(content: object) -> bool:
    """Whether the content may be a table of distances: a list, or an object with `matrix`."""
    return isinstance(content, list) or (isinstance(content, dict) and "matrix" in cast("dict[str, object]", content))


def describe_json(content: object) -> str:
    """A description of a JSON file's content in a few words."""
    if isinstance(content, dict):
        return _describe_object(cast("dict[str, object]", content))
    if isinstance(content, list):
        items = cast("list[object]", content)
        return f"a list of {len(items)} {_noun(items[0])}" if items else "an empty list"
    return f"only {quote(str(content))}"


def _describe_object(content: dict[str, object]) -> str:
    kind = next((what for entries, what in KINDS.items() if all(entry in content for entry in entries)), None)
    if kind is None and isinstance(content.get("type"), str):
        kind = f"an object of type {quote(str(content['type']))}"
    if kind is None and not content:
        return "an empty object"
    listed = ", ".join(quote(key) for key in list(content)[:5]) + (", …" if len(content) > 5 else "")
    return f"{kind or 'an object'} with {listed}"


def _noun(item: object) -> str:
    """A noun for the items of a list, by the first of them."""
    nouns: dict[type, str] = {dict: "object(s)", list: "list(s)", str: "text(s)", int: "number(s)", float: "number(s)"}
    return nouns.get(type(item), "value(s)")

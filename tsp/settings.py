"""Settings from files, as strict as flags: known names, the right types, and one of the choices if there are some."""

from __future__ import annotations

import sys
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin, get_type_hints

from tsp.problems import unknown
from tsp.validation import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPECTED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
"""Type of a setting → what to write for it."""


def require_settings(cls: type[Any], raw: object, source: str, *, nested: str | None = None) -> dict[str, Any]:
    """The plain values of a configuration, checked.

    Args:
        cls: the configuration, a dataclass whose fields are numbers, texts, booleans or choices.
        raw: a dictionary of its settings, as a JSON or TOML file gives it.
        source: the file to name in messages.
        nested: name of a field that holds another configuration, which is not checked here.

    Raises:
        ValueError: naming the file, the setting, its value, and what was expected.
    """
    if not isinstance(raw, dict):
        raise ValueError(f"{source}: {shown(raw)}, expected settings by name")
    settings = cast("dict[str, Any]", raw)
    hints, known = get_type_hints(cls), {item.name: item for item in fields(cls)}
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f"{source}: {unknown('setting', name, known)}")
        if name != nested:
            _require(known[name], hints[name], value, source)
    return settings


def kinds_of(hint: object) -> tuple[Any, ...]:
    """The types, or the choices, that the annotation of a setting lists, without None."""
    return tuple(kind for kind in (get_args(hint) or (hint,)) if kind is not type(None))


def choices_of(item: Field[Any], hint: object) -> Sequence[Any] | None:
    """The values that a setting may have, if they are listed."""
    return kinds_of(hint) if get_origin(hint) is Literal else item.metadata.get("choices")


def _require(item: Field[Any], hint: object, value: object, source: str) -> None:
    """Refuse a value of another type, or one that is not among the choices."""
    if value is None and type(None) in get_args(hint):
        return
    choices = choices_of(item, hint)
    if choices is not None:
        if value not in choices:
            raise ValueError(f"{source}: {unknown(item.name, value, choices)}")
        return
    (kind,) = kinds_of(hint)
    if kind is float:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    else:
        fits = type(value) is kind
    if not fits:
        raise ValueError(f"{source}: {item.name}: {shown(value)}, expected {EXPECTED[kind]}")

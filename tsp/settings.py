"""Settings from files: dataclasses made of plain values, as strictly as flags set them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from tsp.problems import unknown
from tsp.validation import real_number, shown, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from dataclasses import Field

T = TypeVar("T")


def from_settings(cls: type[T], raw: object, source: str) -> T:
    """A dataclass made of the settings in a file.

    Args:
        cls: a dataclass; its fields are texts, numbers, flags or choices, or None. Instances of dataclasses may be
            among the values.
        raw: its settings by name.
        source: the file, for messages.

    Raises:
        ValueError: with the file and the setting, for an unknown name, a value of another type and one that is not
            among the choices.
    """
    if not isinstance(raw, dict):
        raise ValueError(f"{source}: {shown(raw)}, expected settings by name")
    given, hints = cast("dict[str, Any]", raw), get_type_hints(cls)
    known = {item.name: item for item in fields(cast("Any", cls))}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"{source}: {unknown('setting', name, known)}")
        try:
            values[name] = _value(known[name], hints[name], value)
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from None
    try:
        return cls(**values)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def kinds_of(hint: object) -> tuple[Any, ...]:
    """The types, or the choices, that the annotation of a setting lists, without None."""
    return tuple(kind for kind in (get_args(hint) or (hint,)) if kind is not type(None))


def choices_of(item: Field[Any], hint: object) -> Sequence[Any] | None:
    """The values that a setting may have, if they are listed."""
    return kinds_of(hint) if get_origin(hint) is Literal else item.metadata.get("choices")


def _value(item: Field[Any], hint: object, value: object) -> object:
    """A value in the type of its setting."""
    choices, name = choices_of(item, hint), item.name
    if value is None and type(None) in get_args(hint):
        return None
    if choices is not None:
        if isinstance(value, str) and value in choices:
            return value
        raise ValueError(unknown(name, value, choices) if isinstance(value, str) else _wrong(name, value, "a text"))
    (kind,) = kinds_of(hint)
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise ValueError(_wrong(name, value, "true or false"))
    if kind is int:
        return whole_number(value, name)
    if kind is float:
        return real_number(value, name, least=-1e300, most=1e300, expected="a finite number")
    if isinstance(value, kind):
        return value
    raise ValueError(_wrong(name, value, "a text, in quotes" if kind is str else "settings by name"))


def _wrong(name: str, value: object, expected: str) -> str:
    return f"{name}: {shown(value)}, expected {expected}"

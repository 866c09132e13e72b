"""Flags for the fields of configuration dataclasses, with the texts of their docstrings as help."""

from __future__ import annotations

import argparse
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any, get_type_hints

from tsp.settings import choices_of, kinds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def add_config_flags(add: Callable[..., Any], classes: Sequence[type[Any]], *, without: set[str]) -> set[str]:
    """Add a flag for each field of some configurations.

    Args:
        add: the `add_argument` of a parser or of a group.
        classes: dataclasses whose docstrings have a section of attributes.
        without: names of fields that get no flag.

    Returns:
        the names of the fields that got one.
    """
    added = set[str]()
    for cls in classes:
        hints, texts = get_type_hints(cls), _attribute_texts(cls.__doc__ or "")
        for item in fields(cls):
            if item.name not in without:
                _add_flag(add, item, hints[item.name], texts.get(item.name, ""))
                added.add(item.name)
    return added


def given_fields(arguments: argparse.Namespace, cls: type[Any]) -> dict[str, Any]:
    """The fields of a configuration that flags set."""
    return {item.name: getattr(arguments, item.name) for item in fields(cls) if hasattr(arguments, item.name)}


def flag_name(field: str) -> str:
    """The flag of a field."""
    return "--from" if field == "start_from" else "--" + field.replace("_", "-")


def _add_flag(add: Callable[..., Any], item: Field[Any], hint: object, text: str) -> None:
    """Add a flag that sets a field; without the flag the field is absent from the parsed options."""
    kinds, choices = kinds_of(hint), choices_of(item, hint)
    default = "" if item.default in (None, MISSING) else f" (default {item.default})"
    flag, help_text = flag_name(item.name), (text + default).replace("%", "%%")
    if kinds == (bool,):
        switch = argparse.BooleanOptionalAction
        add(flag, dest=item.name, action=switch, default=argparse.SUPPRESS, help=help_text)
        return
    add(
        flag,
        dest=item.name,
        default=argparse.SUPPRESS,
        type=str if choices else kinds[0],
        choices=choices,
        help=help_text,
        metavar=None if choices else getattr(kinds[0], "__name__", "VALUE").upper(),
    )


def _attribute_texts(docstring: str) -> dict[str, str]:
    """The `name: text` entries in the Attributes section of a Google docstring."""
    texts: dict[str, str] = {}
    name = ""
    for line in docstring.partition("Attributes:")[2].splitlines():
        head, colon, rest = line.strip().partition(":")
        if colon and head.isidentifier() and not line.startswith(" " * 9):
            name = head
            texts[name] = rest.strip()
        elif name and line.strip():
            texts[name] += " " + line.strip()
    return texts

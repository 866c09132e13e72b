"""The fields of a request: read one by one, each refused by its name where it is not as expected."""

from __future__ import annotations

import json
from typing import Any, NoReturn, cast

from tsp.validation import real_number, shown, whole_number


class Fields:
    """An object of JSON whose fields are read by name; what nobody reads is refused by `finish`."""

    def __init__(self, content: object, place: str = "") -> None:
        self._place = place
        if not isinstance(content, dict):
            raise ValueError(f"{place or 'request'}: {shown(content)}, expected an object")
        self._rest = cast("dict[str, Any]", dict(cast("dict[Any, Any]", content)))

    @classmethod
    def parse(cls, body: bytes) -> Fields:
        """The fields of a request's body.

        Raises:
            ValueError: for anything but an object of JSON.
        """
        try:
            content: object = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"request: no JSON ({str(error)[:80]})") from None
        return cls(content)

    def _name(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name

    def take(self, name: str, default: object = None) -> Any:  # noqa: ANN401 (any JSON)
        """A field, whatever it is."""
        return self._rest.pop(name, default)

    def text(self, name: str, default: str | None = None, *, most: int = 200) -> str:
        """A field that holds a text of at most so many characters."""
        value = self.take(name, default)
        if not isinstance(value, str) or len(value) > most:
            raise ValueError(f"{self._name(name)}: {shown(value)}, expected a text of at most {most} characters")
        return value

    def number(self, name: str, default: float | None = None, *, least: float, most: float) -> float:
        """A field that holds a number."""
        value = self.take(name, default)
        expected = f"a number from {least:g} to {most:g}"
        return real_number(value, self._name(name), least=least, most=most, expected=expected)

    def whole(self, name: str, default: int | None = None, *, least: int, most: int) -> int:
        """A field that holds a whole number."""
        value = self.take(name, default)
        expected = f"a whole number from {least} to {most}"
        return whole_number(value, self._name(name), least=least, most=most, expected=expected)

    def list(self, name: str, *, most: int) -> list[Any]:
        """A field that holds a list of at most so many items."""
        value = self.take(name)
        found = cast("list[Any]", value) if isinstance(value, list) else None
        if found is None or len(found) > most:
            raise ValueError(
                f"{self._name(name)}: {shown(cast('object', value))}, expected a list of at most {most} items"
            )
        return found

    def fields(self, name: str, default: object = None) -> Fields:
        """A field that holds an object."""
        return Fields(self.take(name, default), self._name(name))

    def finish(self) -> None:
        """Refuse the fields that nothing has read.

        Raises:
            ValueError: naming the first of them.
        """
        for name in self._rest:
            raise ValueError(f"{self._name(name)[:80]}: unknown field")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")

"""The fields of a request."""

import pytest

from tsp.page.fields import Fields


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"9" * 5000,
    ],
)
def test_a_body_that_is_no_object_of_json_is_refused(body):
    with pytest.raises(ValueError, match="request"):
        Fields.parse(body)


def test_each_field_is_refused_by_its_name():
    fields = Fields({"a": {"text": 1, "number": "x", "whole": 1.5, "list": {}, "long": [1, 2]}})
    inner = fields.fields("a")
    with pytest.raises(ValueError, match=r"^a\.text: 1, expected a text"):
        inner.text("text")
    with pytest.raises(ValueError, match=r"^a\.number: 'x', expected a number from 0 to 1"):
        inner.number("number", least=0, most=1)
    with pytest.raises(ValueError, match=r"^a\.whole: 1\.5, expected a whole number"):
        inner.whole("whole", least=0, most=9)
    with pytest.raises(ValueError, match=r"^a\.list: \{\}, expected a list"):
        inner.list("list", most=9)
    with pytest.raises(ValueError, match=r"^a\.long: .*at most 1 items"):
        inner.list("long", most=1)


def test_what_nobody_reads_is_refused():
    fields = Fields({"a": 1, "b": 2})
    fields.take("a")
    with pytest.raises(ValueError, match=r"^b: unknown field"):
        fields.finish()


def test_an_absent_field_has_its_default():
    assert Fields({}).number("seconds", 2.0, least=0, most=9) == 2.0
    with pytest.raises(ValueError, match=r"^kind: None"):
        Fields({}).text("kind")

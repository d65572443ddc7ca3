"""Reading JSON5: what OpenClaw's configuration may be written in."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.agent.openclaw.json5 import MAX_CHARS, MAX_DEPTH, NotJson5, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_whatever_is_json_is_read_as_json(value: Any, escaped: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=escaped)) == value


@given(st.text())
def test_whatever_is_given_is_read_or_refused(text: str) -> None:
    with suppress(NotJson5):
        loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: 1, $b_2: 'two', \"c\": [1, 2,],}", {"a": 1, "$b_2": "two", "c": [1, 2]}),
        ("// head\n{/* in\nbetween */ a: 1 // behind\n}", {"a": 1}),
        ("[+1, .5, 5., 0x1F, -0xa, 1e3, -Infinity]", [1, 0.5, 5.0, 31, -10, 1000.0, float("-inf")]),
        (r"'it\'s \x41\u0042\v\0'", "it's AB\v\0"),
        ("'one \\\ntwo \\\r\nthree'", "one two three"),
        ("{a: 1, a: 2}", {"a": 2}),
        ("{true: false, null: null}", {"true": False, "null": None}),
        ("\ufeff null", None),
        ("9" * 400, float("inf")),
    ],
    ids=["names and commas", "comments", "numbers", "escapes", "continued", "twice", "words as names", "mark", "huge"],
)
def test_what_json5_adds_is_read(text: str, value: Any) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1 2]",
        "{a 1}",
        "{a: }",
        "'open",
        "'two\nlines'",
        r"'\1'",
        r"'\u12'",
        "/* open",
        "{} {}",
        "undefined",
        "01",
        "{1: 2}",
        "[,]",
    ],
)
def test_what_is_no_json5_is_refused(text: str) -> None:
    with pytest.raises(NotJson5):
        loads(text)


def test_half_a_character_is_none() -> None:
    assert loads(r"'a\ud800b'") == "a\ufffdb"


def test_a_mistake_is_told_with_its_line() -> None:
    with pytest.raises(NotJson5, match="line 3: "):
        loads("{\n a: 1,\n b: oops\n}")


@pytest.mark.parametrize("text", ["[" * (MAX_DEPTH + 2), " " * (MAX_CHARS + 1)], ids=["deep", "long"])
def test_what_is_too_large_is_refused(text: str) -> None:
    with pytest.raises(NotJson5, match=r"deeper|more than"):
        loads(text)

"""Where keys stand, held against what tomllib reads."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.places import KeyPath, nearest, places

SHAPES = '''\
title = "a # b = [c]"
"quoted \\u00e9.key" = 1 # comment = 2
a.b . 'c d'.e = 1979-05-27 07:32:00

[table."with.dot"]
text = """
[not.a.table]
fake = "1" \\
"""""
raw = \'\'\'
other = \'\'x\'\' \'\'\'\'
numbers = [
  1, # one ]
  [2, 3], "four]",
]
inline = { x = 1, y.z = [ { deep = true } ] }

[[list]]
name = "first"
[list.sub]
key = 1
[[list.inner]]
key = 2

[[list]]
name = "second"
[[list.inner]]
key = 3
[[list.inner]]
key = 4
'''


def every_path(value: Any, at: KeyPath = ()) -> Iterator[KeyPath]:
    if at:
        yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from every_path(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from every_path(inner, (*at, index))


def last_key(path: KeyPath) -> str:
    return next(str(part) for part in reversed(path) if isinstance(part, str))


def test_every_shape_of_the_grammar_is_walked() -> None:
    assert set(places(SHAPES)) == set(every_path(tomllib.loads(SHAPES)))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 1),
        (("quoted é.key",), 2),
        (("a", "b", "c d", "e"), 3),
        (("table", "with.dot"), 5),
        (("table", "with.dot", "text"), 6),
        (("table", "with.dot", "raw"), 10),
        (("table", "with.dot", "numbers", 1, 1), 14),
        (("table", "with.dot", "inline", "y", "z", 0, "deep"), 16),
        (("list", 0, "sub", "key"), 21),
        (("list", 1), 25),
        (("list", 1, "inner", 1, "key"), 30),
    ],
)
def test_a_key_is_found_on_its_line(path: KeyPath, line: int) -> None:
    assert places(SHAPES)[path] == line


def test_a_missing_key_is_placed_at_the_table_around_it() -> None:
    assert nearest(places(SHAPES), ("list", 1, "colour")) == 25


def test_line_ends_of_windows_count_as_one() -> None:
    assert places("a = 1\r\nb = 2\r\n") == {("a",): 1, ("b",): 2}


@pytest.mark.parametrize("text", ["a = ", "= 1", "[a\nb = 1", "a = [1", 'a = "open'])
def test_what_is_no_toml_ends_in_an_error_and_not_in_a_loop(text: str) -> None:
    with pytest.raises(ValueError, match=r"(no|not) .*at line [12]"):
        places(text)


leaves = (
    st.text(max_size=12)
    | st.integers(-(2**62), 2**62)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.datetimes()
    | st.dates()
)
keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
documents = st.dictionaries(
    keys,
    st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)),
    max_size=6,
)


@given(documents, st.booleans())
def test_every_key_that_tomllib_reads_has_a_line_that_contains_it(document: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(document, multiline_strings=multiline)
    found, lines = places(text), text.split("\n")

    assert set(found) == set(every_path(tomllib.loads(text)))
    for path, line in found.items():
        if isinstance(path[-1], str):
            written = tomli_w.dumps({last_key(path): 1}).removesuffix(" = 1\n")
            assert written in lines[line - 1]

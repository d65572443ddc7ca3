"""JSON5 (https://spec.json5.org), which OpenClaw's configuration is written in: reading it, and nothing else."""

import re
from typing import Any, Final

MAX_CHARS: Final = 1_000_000
MAX_DEPTH: Final = 64
EXACT_DIGITS: Final = 15
"""What JavaScript's numbers hold of a whole number for sure."""
_SPACE = re.compile(r"(?:[\s\ufeff]|//[^\n\r\u2028\u2029]*|/\*.*?\*/)*", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w$]*|\$[\w$]*")
_NUMBER = re.compile(
    r"[+-]?(?:Infinity|NaN|0[xX][0-9a-fA-F]+|(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![\w$.])"
)
_PLAIN = {quote: re.compile(rf"[^{quote}\\\n\r]*") for quote in "'\""}
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_WORDS = {"true": True, "false": False, "null": None}
_HALF = re.compile("[\ud800-\udfff]")
_HEX = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})")


class NotJson5(ValueError):
    """The text is no JSON5; says where, by line."""


def loads(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value that a JSON5 text stands for. A key that comes twice counts with its last value, as in JavaScript.

    Raises:
        NotJson5: it is none, is longer than `MAX_CHARS`, or nests deeper than `MAX_DEPTH`.
    """
    if len(text) > MAX_CHARS:
        raise NotJson5(f"it has more than {MAX_CHARS} characters")
    reader = _Reader(text)
    value = reader.value(0)
    reader.skip()
    if reader.at != len(text):
        raise reader.wrong("something stands behind its end")
    return value


class _Reader:
    """Reads one text from front to back; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self._text, self.at = text, 0

    def wrong(self, why: str) -> NotJson5:
        """The error, with the line that the reader is at."""
        line = self._text.count("\n", 0, self.at) + 1
        return NotJson5(f"line {line}: {why}")

    def skip(self) -> None:
        """Past spaces and comments."""
        self.at = self._found(_SPACE).end()

    def value(self, depth: int) -> Any:  # noqa: ANN401 - any JSON value
        """The value that begins here."""
        if depth > MAX_DEPTH:
            raise self.wrong(f"it nests deeper than {MAX_DEPTH}")
        self.skip()
        first = self._peek()
        if first == "{":
            return self._object(depth)
        if first == "[":
            return self._array(depth)
        if first in "'\"" and first:
            return self._string(first)
        if (number := _NUMBER.match(self._text, self.at)) is not None:
            self.at = number.end()
            return _number(number.group())
        name = self._name()
        if name not in _WORDS:
            raise self.wrong(f"{name[:40]} is no value")
        return _WORDS[name]

    def _object(self, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        self.at += 1
        while not self._ends("}"):
            first = self._peek()
            key = self._string(first) if first and first in "'\"" else self._name()
            self.skip()
            self._take(":")
            members[key] = self.value(depth + 1)
            self._separated("}")
        return members

    def _array(self, depth: int) -> list[Any]:
        items = []
        self.at += 1
        while not self._ends("]"):
            items.append(self.value(depth + 1))
            self._separated("]")
        return items

    def _ends(self, mark: str) -> bool:
        self.skip()
        if self._peek() != mark:
            return False
        self.at += 1
        return True

    def _separated(self, mark: str) -> None:
        """A comma, or the end, which is left to be read."""
        self.skip()
        if self._peek() != mark:
            self._take(",")

    def _string(self, quote: str) -> str:
        self.at += 1
        parts = []
        while True:
            plain = self._found(_PLAIN[quote])
            parts.append(plain.group())
            self.at = plain.end()
            mark = self._peek()
            if mark == quote:
                self.at += 1
                return _whole("".join(parts))
            if mark != "\\":
                raise self.wrong("a string has no end")
            self.at += 1
            parts.append(self._escape())

    def _escape(self) -> str:
        if (code := _HEX.match(self._text, self.at)) is not None:
            self.at = code.end()
            return chr(int(code.group(1) or code.group(2), 16))
        mark = self._peek()
        self.at += 1
        if mark == "\r" and self._peek() == "\n":
            self.at += 1
        if not mark or mark in "123456789xu":
            raise self.wrong("an escape in a string is none")
        return "" if mark in "\n\r\u2028\u2029" else _ESCAPES.get(mark, mark)

    def _name(self) -> str:
        found = _NAME.match(self._text, self.at)
        if found is None:
            raise self.wrong(f"{self._peek() or 'the end'} is not expected here")
        self.at = found.end()
        return found.group()

    def _take(self, mark: str) -> None:
        if self._peek() != mark:
            raise self.wrong(f"{mark} is missing")
        self.at += 1

    def _peek(self) -> str:
        return self._text[self.at : self.at + 1]

    def _found(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """A match of a pattern that also matches nothing, and so always matches."""
        found = pattern.match(self._text, self.at)
        assert found is not None
        return found


def _whole(text: str) -> str:
    """Text whose escapes may have named a character in two halves, as UTF-16 does; half a character is a mark."""
    if not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number(text: str) -> int | float:
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.lstrip("+"))
    if digits[:2] in {"0x", "0X"}:
        return sign * int(digits, 16)
    whole = digits.isdecimal() and len(digits) <= EXACT_DIGITS
    return sign * (int(digits) if whole else float(digits.replace("Infinity", "inf")))

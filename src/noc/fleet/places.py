"""Where each key of a TOML document stands.

`tomllib` says what a document means, not where; a message needs the line. This scanner walks a document that
`tomllib` has accepted, so it knows all of the grammar's shapes and checks none of them (https://toml.io/en/v1.0.0).
"""

import re
import tomllib
from bisect import bisect_left

KeyPath = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")
_STRING = re.compile(r'''"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\]|\\.)*"|'[^']*\'''', re.DOTALL)
_BARE = re.compile(r"[^,\]}#\n]+")


def places(text: str) -> dict[KeyPath, int]:
    """Map each key path of a valid TOML document to the line, from 1, on which it is first written.

    Args:
        text: a document that `tomllib` accepts.

    Returns:
        KeyPath → line; array elements have their index in the path: ("nodes", 3, "name").

    Raises:
        ValueError: the document is not TOML.
    """
    return _Scanner(text.replace("\r\n", "\n")).document()


def nearest(found: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of a path, or of the nearest table around it; 1 where not even that is written."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._found: dict[KeyPath, int] = {}
        self._tables: dict[KeyPath, int] = {}

    def document(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self._found

    def _header(self) -> KeyPath:
        """`[a.b]` or `[[a.b]]`: returns the table's path, the last element's where the path leads through arrays."""
        is_array = self._text.startswith("[[", self._at)
        self._expect("[[" if is_array else "[")
        keys, line = self._dotted(), self._line()
        self._expect("]]" if is_array else "]")
        path: KeyPath = ()
        for position, key in enumerate(keys):
            path = (*path, key)
            self._found.setdefault(path, line)
            if is_array and position == len(keys) - 1:
                self._tables[path] = self._tables.get(path, 0) + 1
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
                self._found.setdefault(path, line)
        return path

    def _pair(self, table: KeyPath) -> None:
        line, path = self._line(), table
        for key in self._dotted():
            path = (*path, key)
            self._found.setdefault(path, line)
        self._expect("=")
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if opening in {'"', "'"} else _BARE)

    def _array(self, path: KeyPath) -> None:
        self._expect("[")
        self._skip(_BLANK)
        index = 0
        while not self._took("]"):
            self._found.setdefault((*path, index), self._line())
            self._value((*path, index))
            self._skip(_BLANK)
            self._took(",")
            self._skip(_BLANK)
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._expect("{")
        self._skip(_BLANK)
        while not self._took("}"):
            self._pair(path)
            self._skip(_BLANK)
            self._took(",")
            self._skip(_BLANK)

    def _dotted(self) -> list[str]:
        keys = [self._key()]
        while self._took("."):
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._skip(_SPACE)
        raw = self._skip(_KEY)
        self._skip(_SPACE)
        if not raw:
            raise ValueError(f"no key at line {self._line()}")
        if raw[0] in {'"', "'"}:
            return str(tomllib.loads(f"key = {raw}")["key"])
        return raw

    def _skip(self, shape: re.Pattern[str]) -> str:
        match = shape.match(self._text, self._at)
        if match is None:
            raise ValueError(f"not TOML at line {self._line()}")
        self._at = match.end()
        return match.group()

    def _took(self, sign: str) -> bool:
        if not self._text.startswith(sign, self._at):
            return False
        self._at += len(sign)
        return True

    def _expect(self, sign: str) -> None:
        if not self._took(sign):
            raise ValueError(f"no {sign} at line {self._line()}")

    def _line(self) -> int:
        return bisect_left(self._ends, self._at) + 1

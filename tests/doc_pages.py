"""The pages that people read, and the commands that stand in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_PROMPT = re.compile(r"^(?:(?:you|hq|node)?[$#] |sudo (?=noc ))(.+)$", re.MULTILINE)
_BEFORE = re.compile(r"^(?:sudo |runuser -u \S+ -- )+")


@dataclass(frozen=True)
class Command:
    """A command line of a page, without prompt.

    Attributes:
        page: the page's path from the root.
        words: the words, the program first.
        whole: it is to be typed as it stands; otherwise it is a mention in the text, which may leave arguments out.
    """

    page: str
    words: tuple[str, ...]
    whole: bool

    def __str__(self) -> str:
        """For the test's name."""
        return f"{self.page}: {' '.join(self.words)}"


def fences(page: Path) -> str:
    """All code blocks of a page."""
    return "\n".join(_FENCE.findall(page.read_text()))


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    """What stands between backticks in the text."""
    return _SPAN.findall(prose(page))


def commands(program: str) -> list[Command]:
    """Every command line of a program on any page, each once."""
    found = [
        Command(page.name, words, whole)
        for page in PAGES
        for text, whole in _lines(page)
        for words in _split(text)
        if words[0] == program
    ]
    return list(dict.fromkeys(found))


def _lines(page: Path) -> Iterator[tuple[str, bool]]:
    for line in _PROMPT.findall(fences(page)):
        yield re.split(r" {2,}|;", line)[0].replace("[", "").replace("]", ""), True
    for span in spans(page):
        yield span, False


def _split(text: str) -> Iterator[tuple[str, ...]]:
    for part in re.split(r"&&|\|", text):
        try:
            words = tuple(word for word in shlex.split(_BEFORE.sub("", part.strip())) if word[0:1] not in ("<", ">"))
        except ValueError:
            continue
        if words:
            yield words
        if "--" in words:
            yield from _split(shlex.join(words[words.index("--") + 1 :]))

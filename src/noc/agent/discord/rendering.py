"""A message as Discord shows it: escaped, in one text of at most 2,000 characters, with a row of buttons.

Marks: https://docs.discord.com/developers/reference#message-formatting. A backslash takes the meaning from any of them.
"""

import re
from collections.abc import Iterable, Sequence

import discord

from noc.agent.bot.transport import Button
from noc.agent.words.message import Message
from noc.agent.words.neutral import JOINER

MAX_CONTENT = 2000
"""Characters of a message (https://docs.discord.com/developers/resources/message#create-message)."""
_TITLE_MAX = MAX_CONTENT // 4
_FENCE = ("```\n", "\n```")
_MARKS = frozenset(r"\*_~`|[]<>")
_LINE_START = re.compile(r"(?:[#\-+]|\d+[.)])(?=\s|$)|-#")
_STYLES = {
    "plain": discord.ButtonStyle.secondary,
    "good": discord.ButtonStyle.success,
    "bad": discord.ButtonStyle.danger,
}


def rendered(message: Message) -> str:
    """The text: the title strong, the code in a block. What is too long is cut at its end."""
    title = f"**{_fitted(_escaped(' '.join(message.title.splitlines())), _TITLE_MAX)}**"
    each = (part for line in message.lines for part in line.splitlines() or [""])
    lines = [piece for line in each for piece in ("\n", *_escaped(line))]
    if not message.code:
        return title + _fitted(lines, MAX_CONTENT - len(title))
    around = len(title) + 1 + sum(map(len, _FENCE))
    code = _fitted(_unfenced(message.code), MAX_CONTENT - around - min(sum(map(len, lines)), MAX_CONTENT // 2))
    return title + _fitted(lines, MAX_CONTENT - around - len(code)) + "\n" + code.join(_FENCE)


def view(buttons: Sequence[Button]) -> discord.ui.View | None:
    """The buttons in one row; None for none. It is finished already: what is pressed comes as an interaction."""
    if not buttons:
        return None
    row = discord.ui.View(timeout=None)
    for button in buttons:
        row.add_item(discord.ui.Button(label=button.label, custom_id=button.data, style=_STYLES[button.style]))
    row.stop()
    return row


def _escaped(text: str) -> list[str]:
    """A line's characters, each with what takes its meaning from it."""
    start = _LINE_START.match(text)
    last = start.end() - 1 if start else -1
    return [_piece(char, marked=at == last) for at, char in enumerate(text)]


def _piece(char: str, *, marked: bool) -> str:
    if char == "@":
        return char + JOINER
    return f"\\{char}" if marked or char in _MARKS else char


def _unfenced(code: str) -> list[str]:
    """A block's characters: no backtick in it stands beside another."""
    return [char + JOINER if char == "`" else char for char in code]


def _fitted(pieces: Iterable[str], limit: int) -> str:
    """As many of the pieces as fit into so many characters; an ellipsis where that is not all."""
    kept: list[str] = []
    room = limit
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            while kept and room < 1:
                room += len(kept.pop())
            return "".join(kept) + "…"
        kept.append(piece)
    return "".join(kept)

"""A message as Telegram shows it: its text, and where in it something is bold or a block of code.

Marks go beside the text, as entities, and never in it: there is nothing to escape, and no text can become a mark.
"""

from collections.abc import Sequence
from typing import Any

from noc.agent.bot.transport import Button
from noc.agent.words.message import Message

MAX_TEXT = 4096
"""Characters of a message (https://core.telegram.org/bots/api#sendmessage); we count UTF-16 units, of which there are
never fewer."""
MAX_ANSWER = 200
"""Characters of the answer to a press (https://core.telegram.org/bots/api#answercallbackquery)."""
_STYLES = {"good": "success", "bad": "danger"}


def units(text: str) -> int:
    """UTF-16 code units of a text, in which the API counts (https://core.telegram.org/bots/api#messageentity)."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """A text of at most so many UTF-16 units; the last one of a longer text is an ellipsis."""
    if units(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * (limit - 1)]
    return kept.decode("utf-16-le", "ignore") + "…"


def rendered(message: Message) -> tuple[str, list[dict[str, Any]]]:
    """The text and its entities: the title bold, the code as it is. What is too long is cut at its end.

    Returns:
        The text, and entities as the API writes them: `type`, `offset` and `length` in UTF-16 units.
    """
    title = cut(message.title, MAX_TEXT // 4)
    text = "\n".join((title, *message.lines))
    entities = [{"type": "bold", "offset": 0, "length": units(title)}]
    if not message.code:
        return cut(text, MAX_TEXT), entities
    code = cut(message.code, MAX_TEXT - min(units(text) + 1, MAX_TEXT // 2))
    text = cut(text, MAX_TEXT - units(code) - 1) + "\n"
    return text + code, [*entities, {"type": "pre", "offset": units(text), "length": units(code)}]


def keyboard(buttons: Sequence[Button]) -> list[list[dict[str, str]]]:
    """Buttons in one row, as the API writes an inline keyboard."""
    row = [
        {"text": button.label, "callback_data": button.data}
        | ({"style": _STYLES[button.style]} if button.style in _STYLES else {})
        for button in buttons
    ]
    return [row] if row else []

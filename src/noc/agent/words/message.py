"""What is said in a chat, before a channel gives it its own form."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """A short text of plain characters; each channel escapes what would mean something to it.

    Attributes:
        title: one line, which stands out.
        lines: what follows.
        code: a block in which columns line up, "" for none; it stands last.
    """

    title: str
    lines: tuple[str, ...] = ()
    code: str = ""

    def plain(self) -> str:
        """The same as one text, without any marks."""
        return "\n".join((self.title, *self.lines, *([self.code] if self.code else [])))

"""One-time codes that link a chat to a person: `ABCD-EFGH`, 40 bits in Crockford's base32.

A code is in nobody's memory but the person's: here lies its hash. https://www.crockford.com/base32.html
"""

import hashlib
import secrets
from collections import deque
from dataclasses import dataclass

from noc.runs.admission.errors import CodeRefused

GOOD_S = 600.0
"""Seconds for which a code is good."""
COUNTED_S = 3600.0
WRONG_EACH, WRONG_ALL = 5, 50
"""Wrong codes in an hour, from one identity and from all, after which no code counts."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LETTERS = 8
_ALIKE = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})


@dataclass(frozen=True)
class _Given:
    person: str
    channel: str
    until: float


class LinkCodes:
    """The codes that are out, and how many wrong ones came. It forgets both with its process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._given: dict[bytes, _Given] = {}
        self._wrong: deque[tuple[float, tuple[str, str]]] = deque(maxlen=WRONG_ALL)

    def give(self, person: str, channel: str, now: float) -> str:
        """A new code; the one that this person had for this channel is good no more.

        Args:
            person: whom it links.
            channel: to an identity of which channel.
            now: seconds on the monotonic clock.
        """
        self._given = {
            digest: given
            for digest, given in self._given.items()
            if now < given.until and (given.person, given.channel) != (person, channel)
        }
        code = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
        self._given[_digest(code)] = _Given(person, channel, now + GOOD_S)
        return f"{code[:4]}-{code[4:]}"

    def take(self, channel: str, number: str, code: str, now: float) -> str:
        """The person whom a code links; it is used up by that.

        Args:
            channel: where it was said.
            number: by whom, in that channel.
            code: what was said; blanks, hyphens and case do not matter, nor I or L for 1, O for 0.
            now: seconds on the monotonic clock.

        Raises:
            CodeRefused: it links nobody, or too many wrong ones came.
        """
        while self._wrong and self._wrong[0][0] <= now - COUNTED_S:
            self._wrong.popleft()
        own = sum(who == (channel, number) for _, who in self._wrong)
        if own >= WRONG_EACH or len(self._wrong) >= WRONG_ALL:
            raise CodeRefused("no code counts now", why="too many wrong ones came", fix="try again in an hour")
        digest = _digest(code)
        given = self._given.get(digest)
        if given is None or now >= given.until or given.channel != channel:
            self._wrong.append((now, (channel, number)))
            raise CodeRefused(f"this code links no {channel} chat", fix=f"on HQ: noc link {channel}")
        del self._given[digest]
        return given.person


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.upper().translate(_ALIKE).encode(errors="replace")).digest()

"""Keys that are meant for us and not for the shell: a tilde at the beginning of a line, as ssh(1) has it; pure."""

from enum import Enum, auto

_TILDE, _ENDS = ord("~"), frozenset(b"\r\n")


class Wish(Enum):
    """What somebody wants of us."""

    LEAVE = auto()
    HELP = auto()


class Escape:
    """Tells keys for the shell from those for us, however they come in pieces."""

    def __init__(self) -> None:
        """Begin at the beginning of a line."""
        self._begun, self._tilde = True, False

    def take(self, typed: bytes) -> tuple[bytes, Wish | None]:
        """What was typed.

        Args:
            typed: bytes, as the terminal gave them.

        Returns:
            The bytes for the shell, and what is wanted of us; what was typed behind `~.` goes nowhere.
        """
        keys, wish = bytearray(), None
        for byte in typed:
            if self._tilde:
                self._tilde = False
                if byte == ord("."):
                    return bytes(keys), Wish.LEAVE
                if byte == ord("?"):
                    wish = Wish.HELP
                    continue
                if byte != _TILDE:
                    keys.append(_TILDE)
            elif self._begun and byte == _TILDE:
                self._tilde = True
                continue
            keys.append(byte)
            self._begun = byte in _ENDS
        return bytes(keys), wish

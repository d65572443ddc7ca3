"""The error that every room raises, and how it is shown.

An error says what failed, why, and what mends it. Its class carries the code that `noc explain` looks up and the
exit code of the command; its docstring is the explanation.
"""

from typing import Any, ClassVar


class NocError(Exception):
    """A failure that an operator can act on. Each subclass names one cause, and its docstring explains it."""

    code: ClassVar[str] = "E000"
    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        """Keep the three sentences.

        Args:
            what: what failed, with the name of the node, file or release it concerns.
            why: the cause, as far as it is known; "" where `what` already says it.
            fix: a command or an action that mends it; "" where none is known.
        """
        super().__init__(what)
        self.what, self.why, self.fix = what, why, fix

    def __str__(self) -> str:
        """The one line that commands, journals and pages show."""
        cause = f": {self.why}" if self.why else ""
        mend = f" Fix: {self.fix}" if self.fix else ""
        return f"NOC-{self.code} {self.what}{cause}.{mend}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Let it come back whole from a child process, whatever its class is made from."""
        return _revived, (type(self), self.args), vars(self)

    def as_dict(self) -> dict[str, Any]:
        """The same for `--json`: code, what, why, fix, each a string; a subclass may add what it knows."""
        return {"code": f"NOC-{self.code}", "what": self.what, "why": self.why, "fix": self.fix}


def _revived(kind: type[NocError], args: tuple[str, ...]) -> NocError:
    return kind.__new__(kind, *args)


class Usage(NocError):
    """The command was called in a way that it cannot act on: an option is missing, or two exclude each other."""

    code, exit_code = "E001", 2


class NotFound(NocError):
    """A node, release or run of that name does not exist here."""

    code, exit_code = "E002", 4


class NotPermitted(NocError):
    """This user may not do that. Commands that change the fleet go through the runner on HQ."""

    code, exit_code = "E003", 5


class SystemRefused(NocError):
    """The operating system refused something: a path that is not there, a full disk, a program that is missing.

    Its own words, and the path where it named one, are in the message.
    """

    code = "E005"


class TimedOut(NocError):
    """Something was waited for until its deadline, and did not happen."""

    code, exit_code = "E004", 8


class Interrupted(NocError):
    """Ctrl-C ended the command. What the runner does for it goes on; the message says how to find it again."""

    code, exit_code = "E006", 130

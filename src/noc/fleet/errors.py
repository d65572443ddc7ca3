"""What can be wrong with a fleet directory: E1xx.

NocError
├── FleetProblems         E101  every mistake of fleet.toml
│   └── InventoryProblems E106  every mistake of inventory.toml
├── NoFleetDirectory      E102
├── FileUnreadable        E103
├── RepositoryFailed      E105
└── PeopleNotEditable     E108
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from noc.errors import NocError

SHOWN = 40


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a file: where it stands, what is wrong, and what mends it. Lines count from 1."""

    line: int
    what: str
    fix: str

    def at(self, file: Path) -> str:
        """The line that an operator reads, its place first as editors and terminals like it."""
        return f"{file}:{self.line}: {self.what}. Fix: {self.fix}"


class FleetProblems(NocError):
    """The fleet file holds mistakes.

    Every one is listed with its line and what mends it, so one round of editing is enough. Nothing was changed:
    a file is only used once it is wholly right.
    """

    code, exit_code = "E101", 6

    def __init__(self, file: Path, problems: Sequence[Problem]) -> None:
        """Keep the problems in the order of their lines."""
        self.file, self.problems = file, tuple(sorted(problems))
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{file} has {count}", why="\n".join(self._lines()), fix="mend each line named above")

    def _lines(self) -> list[str]:
        lines = [problem.at(self.file) for problem in self.problems[:SHOWN]]
        return lines if len(self.problems) <= SHOWN else [*lines, f"… and {len(self.problems) - SHOWN} more"]

    def __str__(self) -> str:
        """The count, then one line a problem."""
        return "\n  ".join([f"NOC-{self.code} {self.what}", *self._lines()])

    def as_dict(self) -> dict[str, Any]:
        """As every error, and each problem on its own."""
        return super().as_dict() | {"file": str(self.file), "problems": [asdict(each) for each in self.problems]}


class InventoryProblems(FleetProblems):
    """The inventory is broken, though only runs write it: it was edited by hand, or restored from elsewhere.

    `git -C DIR log inventory.toml` shows the runs that wrote it, and `git -C DIR checkout inventory.toml` restores
    what the last one left.
    """

    code = "E106"


class NoFleetDirectory(NocError):
    """No fleet directory was named, or the one that was named holds no fleet.toml.

    Commands look at `-C DIR`, then at the variable NOC_FLEET, then at /etc/noc.
    """

    code, exit_code = "E102", 6


class FileUnreadable(NocError):
    """A file of the fleet directory could not be read: it is missing, too large, not UTF-8, or not ours to read."""

    code, exit_code = "E103", 6


class RepositoryFailed(NocError):
    """git refused to record a change of the fleet directory. The files themselves are written."""

    code, exit_code = "E105", 1


class PeerRefused(NocError):
    """An operator's machine cannot be a peer of HQ as it was said: its name, key or address is malformed or taken.

    Ten addresses of the tunnel's network are HQ's and the operators': the second to the ninth are theirs. A key belongs
    to one machine; its private half stays there.
    """

    code, exit_code = "E107", 2


class PeopleNotEditable(NocError):
    """A person can be taken out of the fleet file only where `[[people]]` tables hold them, one each.

    The rest of the file stays to the byte; what cannot be done so is left to an editor.
    """

    code, exit_code = "E108", 6

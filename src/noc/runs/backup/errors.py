"""What can go wrong with backups as runs: E750 to E759.

E750 to E752: taking them. E753 to E759: rehearsing them and putting them back.
"""

from noc.errors import NocError


class NotUnsealed(NocError):
    """HQ cannot open a backup by itself: the key of its epoch is sealed to the recipients.

    A person opens it on their own machine, and brings it to HQ for an hour:
    `ssh HQ noc backup request NODE | noc unlock | ssh HQ noc backup unseal NODE`. The identity stays with the person.
    """

    code, exit_code = "E753", 5


class RehearsalFailed(NocError):
    """What came out of a backup is not the database that was backed up, though no chunk was changed.

    Older backups may be well: rehearse one with `noc backup rehearse NODE --at TIME`. Take a new backup before
    anything else: `noc backup run NODE`.
    """

    code = "E754"


class NoMemory(NocError):
    """HQ puts a database together in memory, so that it never lies on HQ's disk in the clear; there is too little."""

    code, exit_code = "E755", 7


class NewerData(NocError):
    """The backup was written by a newer release than the one that is to use it, which may not know its schema."""

    code, exit_code = "E756", 7


class NotReplaced(NocError):
    """A node cannot be replaced so: it was never live, or the machine that is named is the one that it has.

    `noc replace` is for another machine. A machine that is still the node's own is mended by `noc provision`, and its
    data are put back by `noc restore`.
    """

    code, exit_code = "E757", 2

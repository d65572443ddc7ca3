"""What keeps a node from leaving: E767 to E769."""

from noc.errors import NocError


class StillApex(NocError):
    """The node answers for the domain itself. Whoever takes it away takes the domain away.

    Another node has to answer first: `noc dns apex OTHER` proves that one, moves the record, and lets the caches run
    out, so that nobody is turned away. Where the domain leads to several nodes, `[routing]` in the fleet file has to
    name the others before that, so that this one is withdrawn from them.
    """

    code, exit_code = "E767", 7


class NoLastBackup(NocError):
    """A node's data would be gone with it: no last backup could be taken, and nobody has said that none is needed.

    `--without-backup` says so; the backups that HQ holds of it already stay, as they do in any case.
    """

    code, exit_code = "E768", 7


class NotCleared(NocError):
    """A machine that is no cloud's could not be told to forget what it was. It may still hold data and keys.

    HQ has not let go of it: give the command again. If the machine is no more, or was cleared by hand, `--gone` says
    so.
    """

    code = "E769"

"""What can go wrong with the audit. Codes E525 to E529."""

from noc.errors import NocError


class AuditUnwritable(NocError):
    """The audit could not be written, so nothing was begun: what leaves no trace must not happen.

    Most often the disk is full or was remounted read-only: `df /var/lib/noc` and `dmesg` tell. Once there is room the
    same command works again; nothing has to be restarted.
    """

    code, exit_code = "E525", 7


class AuditBroken(NocError):
    """The audit does not hold together: a record was changed, is missing, or is not JSON.

    Only a last line that was cut while it was written is tolerated, since that is what a power cut leaves. Anything
    else means that the file was touched. Until a person has looked, nothing that changes the fleet begins. Find out who
    was root on HQ at that time, and keep the file as evidence under another name; a new audit then begins, and
    `noc audit verify` goes on naming the runs that the new one knows nothing of.
    """

    code, exit_code = "E526", 7

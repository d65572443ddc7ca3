"""What can be wrong with backups that lie on HQ: E460 to E469.

BackupError             E460
├── BackupDamaged       E461
├── NoBackup            E462
├── NoRecipients        E463
├── NoRoom              E464
├── WrongIdentity       E465
├── ChunkRefused        E466
├── BadKey              E467
├── IdentityExposed     E468
└── NotSealed           E469
"""

from noc.errors import NocError


class BackupError(NocError):
    """A backup could not be written to HQ's disk, or read from it."""

    code = "E460"


class BackupDamaged(BackupError):
    """A file of a backup is missing, cut, or is not what was written.

    Every file is held against a hash that HQ's key protects. Other backups of the node may still be whole:
    `noc backup verify NODE` says which. A chunk that is damaged is sent anew by the next backup, which mends the older
    ones that share it.
    """

    code = "E461"


class NoBackup(BackupError):
    """There is no backup of that node, or none that old."""

    code, exit_code = "E462", 4


class NoRecipients(BackupError):
    """Nobody could open a backup: HQ knows no recipient, or one that is none.

    `/etc/noc-trust/recipients` holds an age public key a line, `age1…`.
    """

    code, exit_code = "E463", 6


class NoRoom(BackupError):
    """HQ's disk has no room for the backup. What was there before is untouched, and nothing half is listed.

    What was sent already stays for two days, and the next backup goes on from there.
    """

    code, exit_code = "E464", 7


class WrongIdentity(BackupError):
    """The identity does not open this: it belongs to another recipient, another node or another epoch."""

    code, exit_code = "E465", 5


class ChunkRefused(BackupError):
    """A node sent bytes that are not what their name says. They were not kept, and the backup failed."""

    code = "E466"


class BadKey(BackupError):
    """HQ's key of backups is not 32 bytes in hexadecimal.

    It names chunks and protects manifests. `noc hub install` makes it, once; another one knows none of the backups.
    """

    code, exit_code = "E467", 6


class IdentityExposed(BackupError):
    """An identity that opens backups could be read by others. Like a private key of SSH it is its owner's alone."""

    code, exit_code = "E468", 6


class NotSealed(BackupError):
    """What was given to be opened is neither a request as `noc backup request` prints it nor an age file."""

    code, exit_code = "E469", 2

"""`[backup]`: how long backups of nodes stay, when a restore has to be rehearsed, and where HQ's second place is."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from noc.fleet.part import Part

Kept = Annotated[int, Field(ge=0, le=10_000)]


class Second(Part):
    """Another place, where HQ's own backups go: a directory on HQ (a mounted disk), or one behind SFTP.

    Attributes:
        path: absolute, of a directory that is there.
        host, port, user: whose SFTP server; a directory on HQ itself where `host` is left out. The key lies in HQ's
            credentials as `second_key`.
        host_key: the server's fingerprint, as `ssh-keygen -l` prints it; there is no way around it.
        keep: so many of HQ's backups stay there.
    """

    path: Annotated[str, Field(pattern=r"^/[!-~]{1,500}$")]
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{1,253}$")] | None = None
    port: Annotated[int, Field(ge=1, le=65_535)] = 22
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_.-]{0,31}$")] = "noc"
    host_key: Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")] | None = None
    keep: Annotated[int, Field(ge=1, le=10_000)] = 30

    @model_validator(mode="after")
    def _verified(self) -> Self:
        if self.host is not None and self.host_key is None:
            raise ValueError("a host needs its host_key: ssh-keygen -lf FILE at its console prints it")
        return self


class Backup(Part):
    """What stays of each node's backups: the newest of each of so many hours, days and weeks; and the newest always.

    Attributes:
        hourly, daily, weekly: how many.
        drill_due: days after which a restore with the operator's identity has to have been rehearsed again.
        overdue: hours after which a live node without a backup, or HQ without one in the second place, is a finding.
        second: where HQ's own backups go.
    """

    hourly: Kept = 24
    daily: Kept = 14
    weekly: Kept = 8
    drill_due: Annotated[int, Field(ge=1, le=3_650)] = 90
    overdue: Annotated[int, Field(ge=1, le=8_760)] = 36
    second: Second | None = None

"""HQ's backups as the runner opens them: with its own key, which no operator and no node has."""

from typing import Final

from noc.backup.epoch import read_recipients
from noc.backup.keys import read_key
from noc.backup.repository import Repository
from noc.runs.paths import Paths
from noc.runs.site.credential import credential

KEY: Final = "backup_key"


def open_repository(paths: Paths) -> Repository:
    """The backups of all nodes.

    Raises:
        CredentialExposed: HQ has no key of backups; `noc hub install` makes it.
        BadKey: it is none.
    """
    return Repository(paths.backups, read_key(credential(paths.credentials, KEY)))


def recipients(paths: Paths) -> tuple[str, ...]:
    """Who can open backups: those that HQ trusts now. Raises NoRecipients."""
    return read_recipients(paths.signers.with_name("recipients"))

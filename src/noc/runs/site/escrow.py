"""Copies of nodes' certificates on HQ, so that a node that is made anew does not need a new one.

What HQ puts back it has to be able to open: each copy is encrypted to a key of HQ's own, a credential of the runner
alone, and to the recipients of backups. A copy of HQ's state without its credentials opens nothing.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict

from noc.cloud.acme.certificate import Certificate
from noc.cloud.acme.order import new_account_key
from noc.fleet.files import replace
from noc.hosts.certificates import storage_key
from noc.runs.site.credential import credential
from noc.runs.site.site import Site

KEY: Final = "escrow_key"
ACCOUNT: Final = "account"
ISSUED: Final = "issued.jsonl"
MOST_ISSUED: Final = 2_000


class Issued(BaseModel):
    """A certificate that was seen, whoever asked for it: what an authority counts."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    names: frozenset[str]
    begins: AwareDatetime
    authority: str


class Escrow:
    """The copies, and a list of all certificates that were seen."""

    def __init__(self, directory: Path, credentials: Path, recipients: Path) -> None:
        """Open it; nothing has to be there yet.

        Args:
            directory: where copies lie; made with mode 0700.
            credentials: directory of HQ's credentials.
            recipients: file of age recipients of backups.
        """
        self._directory, self._credentials, self._recipients = directory, credentials, recipients

    @property
    def is_open(self) -> bool:
        """Whether HQ has its key; an HQ that was installed before there was one gets it by `noc hub install`."""
        return (self._credentials / KEY).exists()

    def keep(self, name: str, certificate: Certificate, authority: str) -> bool:
        """Keep a copy for a name, and note that it was issued.

        Returns:
            Whether it is another one than before.
        """
        self._note(certificate, authority)
        there = self.copy(name, authority)
        if there is not None and there.fingerprint == certificate.fingerprint:
            return False
        self._write(_file(name, authority), {"chain": certificate.chain, "key": certificate.key})
        return True

    def copy(self, name: str, authority: str) -> Certificate | None:
        """The copy for a name by an authority, None where there is none."""
        said = self._read(_file(name, authority))
        return Certificate.read(said["chain"], said["key"]) if said else None

    def drop(self, name: str) -> bool:
        """Drop the copies for a name, by every authority. Returns whether there was one."""
        found = list(self._directory.glob(f"{name}@*.age"))
        for path in found:
            path.unlink()
        return bool(found)

    def reseal(self) -> int:
        """Seal every copy to those who are recipients now. Returns how many there are."""
        names = [path.name.removesuffix(".age") for path in sorted(self._directory.glob("*.age"))]
        for name in names:
            if (said := self._read(name)) is not None:
                self._write(name, said)
        return len(names)

    def account(self) -> str:
        """HQ's own account key at the authority, PEM; made where there is none."""
        said = self._read(ACCOUNT)
        if said is None:
            said = {"key": new_account_key()}
            self._write(ACCOUNT, said)
        return str(said["key"])

    def issued(self) -> tuple[Issued, ...]:
        """All certificates that were seen, each once, oldest first."""
        try:
            lines = (self._directory / ISSUED).read_text().splitlines()
        except FileNotFoundError:
            return ()
        return tuple(Issued.model_validate_json(line) for line in lines[-MOST_ISSUED:])

    def _note(self, certificate: Certificate, authority: str) -> None:
        known = self.issued()
        if any(each.fingerprint == certificate.fingerprint for each in known):
            return
        seen = Issued(
            fingerprint=certificate.fingerprint,
            names=certificate.names,
            begins=certificate.begins,
            authority=authority,
        )
        self._make()
        lines = [each.model_dump_json() for each in (*known, seen)]
        replace(self._directory / ISSUED, "".join(f"{line}\n" for line in lines))

    def _make(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _write(self, name: str, content: dict[str, str]) -> None:
        from pyrage import encrypt  # noqa: PLC0415 - compiled; few commands need it

        self._make()
        sealed = encrypt(json.dumps(content).encode(), [self._identity().to_public(), *self._people()])
        path = self._directory / f"{name}.age"
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)

    def _read(self, name: str) -> dict[str, Any] | None:
        from pyrage import decrypt  # noqa: PLC0415

        try:
            sealed = (self._directory / f"{name}.age").read_bytes()
        except FileNotFoundError:
            return None
        said: dict[str, Any] = json.loads(decrypt(sealed, [self._identity()]))
        return said

    def _identity(self) -> Any:  # noqa: ANN401 - pyrage has no annotations
        from pyrage.x25519 import Identity  # noqa: PLC0415

        lines = credential(self._credentials, KEY).decode().split()
        return Identity.from_str(next(line for line in lines if line.startswith("AGE-SECRET-KEY-")))

    def _people(self) -> Iterable[Any]:
        from pyrage.x25519 import Recipient  # noqa: PLC0415

        text = self._recipients.read_text() if self._recipients.exists() else ""
        return [Recipient.from_str(line.strip()) for line in text.splitlines() if line.startswith("age1")]


def escrow(site: Site) -> Escrow:
    """HQ's own."""
    paths = site.paths
    return Escrow(paths.certificates, paths.credentials, paths.signers.with_name("recipients"))


def _file(name: str, authority: str) -> str:
    """A file's name; copies by another authority, as a staging one, never stand in for the real ones."""
    return f"{name}@{storage_key(authority)}"

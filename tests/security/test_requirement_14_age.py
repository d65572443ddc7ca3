"""Requirement 14: what is sealed opens to each recipient alone, to nobody else, and to no recipient who was removed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyrage import DecryptError, decrypt, x25519

from noc.backup.epoch import Opener, begin, seal
from noc.backup.errors import BackupDamaged, WrongIdentity
from noc.hub.trustlists import withdraw_recipient
from noc.runs.rotation.errors import TooFew
from noc.runs.site.escrow import Escrow
from unit.runs.test_certificate_escrow import NAME, PRODUCTION, made

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OPERATOR, RECOVERY, STRANGER = (x25519.Identity.generate() for _ in range(3))


def public(*identities: x25519.Identity) -> list[str]:
    return [str(each.to_public()) for each in identities]


def opened(sealed_key: bytes, identity: x25519.Identity) -> str:
    return str(decrypt(sealed_key, [identity]).decode().strip())


def test_each_recipient_alone_opens_an_epoch_and_a_stranger_does_not() -> None:
    epoch = begin("virginia", public(OPERATOR, RECOVERY), NOW)
    sealed = seal(b"the database", epoch)
    for person in (OPERATOR, RECOVERY):
        assert Opener(epoch, opened(epoch.sealed_key, person)).open(sealed, "a chunk") == b"the database"
    with pytest.raises(DecryptError):
        opened(epoch.sealed_key, STRANGER)
    with pytest.raises(WrongIdentity):
        Opener(epoch, str(STRANGER))


def test_one_changed_byte_anywhere_is_found() -> None:
    epoch = begin("virginia", public(OPERATOR), NOW)
    opener, sealed = Opener(epoch, opened(epoch.sealed_key, OPERATOR)), seal(b"the database", epoch)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(BackupDamaged):
            opener.open(bytes(changed), "a chunk")


def test_who_was_removed_opens_nothing_that_is_sealed_from_then_on() -> None:
    after = begin("virginia", public(OPERATOR), NOW)
    assert opened(after.sealed_key, OPERATOR)
    with pytest.raises(DecryptError):
        opened(after.sealed_key, RECOVERY)


def test_what_hq_keeps_is_sealed_anew_to_those_who_are_left(escrow: Escrow, tmp_path: Path) -> None:
    def may_open() -> Sequence[bool]:
        (path,) = (tmp_path / "certificates").glob("*.age")
        return [can_open(path.read_bytes(), person) for person in (OPERATOR, RECOVERY, STRANGER)]

    recipients, certificate = tmp_path / "recipients", made()
    recipients.write_text("".join(f"{line}\n" for line in public(OPERATOR, RECOVERY)))
    escrow.keep(NAME, certificate, PRODUCTION)
    assert may_open() == [True, True, False]
    recipients.write_text("".join(f"{line}\n" for line in public(OPERATOR)))
    assert escrow.reseal() == 1
    assert may_open() == [True, False, False]
    assert escrow.copy(NAME, PRODUCTION) == certificate


def can_open(sealed: bytes, identity: x25519.Identity) -> bool:
    try:
        return bool(decrypt(sealed, [identity]))
    except DecryptError:
        return False


def test_the_last_but_one_recipient_is_not_removed() -> None:
    text = "".join(f"{line}\n" for line in public(OPERATOR, RECOVERY))
    with pytest.raises(TooFew):
        withdraw_recipient(text, public(RECOVERY)[0])

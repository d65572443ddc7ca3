"""Copies of certificates on HQ, and what is left of a week's allowance."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrage import DecryptError, decrypt, x25519

from noc.cloud.acme.certificate import Certificate
from noc.lab.authority import Authority
from noc.runs.errors import CredentialExposed
from noc.runs.naming.allowance import LIMITS, WEEK, beyond, left
from noc.runs.site.escrow import Escrow, Issued

NAME, DOMAIN = "frankfurt.clavitor.test", "clavitor.test"
PRODUCTION = "https://acme-v02.api.letsencrypt.org/directory"
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def made(name: str = NAME) -> Certificate:
    chain, key = Authority().issue(name, IPv4Address("127.0.0.1"))
    return Certificate.read(chain.decode(), key.decode())


@pytest.fixture
def person() -> x25519.Identity:
    return x25519.Identity.generate()


@pytest.fixture
def escrow(tmp_path: Path, person: x25519.Identity) -> Escrow:
    (tmp_path / "credentials").mkdir()
    key = tmp_path / "credentials" / "escrow_key"
    key.write_text(f"{x25519.Identity.generate()}\n")
    key.chmod(0o600)
    (tmp_path / "recipients").write_text(f"# operator\n{person.to_public()}\n")
    return Escrow(tmp_path / "certificates", tmp_path / "credentials", tmp_path / "recipients")


def test_a_copy_comes_back_as_it_was_kept(escrow: Escrow) -> None:
    certificate = made()
    assert escrow.keep(NAME, certificate, PRODUCTION) is True
    assert escrow.copy(NAME, PRODUCTION) == certificate


def test_sealed_anew_a_copy_opens_to_who_is_a_recipient_now_and_to_nobody_else(
    escrow: Escrow, tmp_path: Path, person: x25519.Identity
) -> None:
    certificate, other = made(), x25519.Identity.generate()
    escrow.keep(NAME, certificate, PRODUCTION)
    (tmp_path / "recipients").write_text(f"{other.to_public()}\n")
    assert escrow.reseal() == 1
    (path,) = (tmp_path / "certificates").glob("*.age")
    assert decrypt(path.read_bytes(), [other])
    with pytest.raises(DecryptError):
        decrypt(path.read_bytes(), [person])
    assert escrow.copy(NAME, PRODUCTION) == certificate


def test_a_copy_that_is_there_is_not_written_again(escrow: Escrow) -> None:
    certificate = made()
    escrow.keep(NAME, certificate, PRODUCTION)
    assert escrow.keep(NAME, certificate, PRODUCTION) is False


def test_a_rehearsal_s_copy_never_stands_in_for_the_real_one(escrow: Escrow) -> None:
    escrow.keep(NAME, made(), STAGING)
    assert escrow.copy(NAME, PRODUCTION) is None


def test_no_private_key_lies_open(escrow: Escrow, tmp_path: Path) -> None:
    certificate = made()
    escrow.keep(NAME, certificate, PRODUCTION)
    escrow.account()
    files = [path for path in (tmp_path / "certificates").iterdir() if path.is_file()]
    assert not any(b"PRIVATE" in path.read_bytes() for path in files)
    assert {path.stat().st_mode & 0o777 for path in files if path.suffix == ".age"} == {0o600}
    assert (tmp_path / "certificates").stat().st_mode & 0o777 == 0o700


def test_who_opens_backups_opens_copies_as_well(escrow: Escrow, tmp_path: Path, person: x25519.Identity) -> None:
    certificate = made()
    escrow.keep(NAME, certificate, PRODUCTION)
    sealed = next((tmp_path / "certificates").glob(f"{NAME}@*.age")).read_bytes()
    assert certificate.key.splitlines()[1] in decrypt(sealed, [person]).decode()


def test_an_hq_without_its_key_keeps_nothing(escrow: Escrow, tmp_path: Path) -> None:
    (tmp_path / "credentials" / "escrow_key").unlink()
    assert escrow.is_open is False
    with pytest.raises(CredentialExposed):
        escrow.keep(NAME, made(), PRODUCTION)


def test_the_account_s_key_is_made_once(escrow: Escrow) -> None:
    assert escrow.account() == escrow.account()


def test_each_certificate_is_noted_once(escrow: Escrow) -> None:
    certificate, other = made(), made("london.clavitor.test")
    for each in (certificate, certificate, other):
        escrow.keep(next(iter(each.names)), each, PRODUCTION)
    assert [each.names for each in escrow.issued()] == [{NAME}, {"london.clavitor.test"}]


def issued(name: str, age: timedelta = timedelta(hours=1), authority: str = PRODUCTION) -> Issued:
    return Issued(fingerprint="f", names=frozenset({name}), begins=NOW - age, authority=authority)


@given(st.lists(st.timedeltas(timedelta(0), 2 * WEEK), max_size=80))
def test_what_is_left_is_the_allowance_less_what_the_last_week_saw(ages: list[timedelta]) -> None:
    seen = [issued(f"n{number}.{DOMAIN}", age) for number, age in enumerate(ages)]
    allowed = LIMITS["acme-v02.api.letsencrypt.org"].domain
    assert left(PRODUCTION, DOMAIN, seen, NOW).domain == max(allowed - sum(age < WEEK for age in ages), 0)


def test_other_domains_and_other_authorities_do_not_count() -> None:
    seen = [issued("www.example.org"), issued(NAME, authority=STAGING), issued("notclavitor.test")]
    assert left(PRODUCTION, DOMAIN, seen, NOW).domain == 50


def test_an_authority_for_rehearsals_sets_no_limit() -> None:
    there = left(STAGING, DOMAIN, [issued(NAME, authority=STAGING)] * 60, NOW)
    assert beyond([NAME] * 200, there) == ""


def test_more_than_is_left_is_told_with_the_time_of_the_next() -> None:
    seen = [issued(f"n{number}.{DOMAIN}", timedelta(days=6)) for number in range(45)]
    words = beyond([f"m{number}.{DOMAIN}" for number in range(6)], left(PRODUCTION, DOMAIN, seen, NOW))
    assert words == "6 certificates are needed, 5 are left this week, more from 2026-03-02 12:00 UTC on"


def test_a_name_that_was_certified_five_times_this_week_is_told() -> None:
    there = left(PRODUCTION, DOMAIN, [issued(NAME)] * 5, NOW)
    assert (NAME in beyond([NAME], there), beyond([f"other.{DOMAIN}"], there)) == (True, "")

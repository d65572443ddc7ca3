"""What one look at a public address means."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.hosts.web import Health
from noc.watch.witness.look import misled, sighting, wrong_answer
from noc.watch.witness.names import Lookup

HERE, THERE = IPv4Address("198.51.100.21"), IPv4Address("198.51.100.99")
NAME = "virginia.clavitor.test"
WELL = Health(
    status=200, version="1.1.0", build=2, boot_id="b",
    certificate_begins=datetime(2026, 3, 1, tzinfo=UTC), certificate_ends=datetime(2026, 5, 30, tzinfo=UTC),
)  # fmt: skip


def test_a_name_that_leads_to_its_node_alone_is_right() -> None:
    assert misled(NAME, Lookup((HERE,)), HERE) == ""


def test_an_address_that_hq_does_not_know_is_compared_with_nothing() -> None:
    assert misled(NAME, Lookup((THERE,)), None) == ""


@pytest.mark.parametrize("addresses", [(THERE,), (HERE, THERE)])
def test_a_wrong_record_is_named_with_both_addresses(addresses: tuple[IPv4Address, ...]) -> None:
    words = misled(NAME, Lookup(addresses), HERE)
    assert NAME in words
    assert all(str(address) in words for address in (HERE, THERE))


@pytest.mark.parametrize(
    ("health", "stage"),
    [
        (WELL, ""),
        (Health(stage="connect", trouble="Connection refused"), "connect"),
        (Health(stage="certificate", trouble="certificate has expired"), "certificate"),
        (Health(trouble="no answer within 5 s"), "answer"),
        (Health(status=502), "answer"),
        (Health(status=503, version="1.1.0", boot_id="b"), "answer"),
        (Health(status=200), "answer"),
        (Health(status=204, version="1.1.0", boot_id="b"), "answer"),
    ],
)
def test_only_the_services_own_answer_that_it_is_well_counts(health: Health, stage: str) -> None:
    assert wrong_answer(health)[0] == stage
    assert bool(wrong_answer(health)[1]) == bool(stage)


def test_a_node_that_serves_is_seen_with_its_release_and_its_certificate() -> None:
    seen = sighting("virginia", 1_000, 12.5, "", WELL)
    assert (seen.ok, seen.stage, seen.detail, seen.version) == (True, "", "", "1.1.0")
    assert seen.certificate_until is not None
    assert seen.certificate_from is not None
    assert seen.certificate_until - seen.certificate_from == 90 * 86_400_000


def test_a_wrong_name_is_at_fault_however_well_the_node_serves() -> None:
    seen = sighting("virginia", 1_000, 12.5, "leads elsewhere", WELL)
    assert (seen.ok, seen.stage, seen.detail) == (False, "name", "leads elsewhere; there it serves")


def test_a_wrong_name_hides_no_second_fault() -> None:
    refused = Health(stage="connect", trouble="Connection refused")
    assert sighting("virginia", 1_000, 12.5, "leads elsewhere", refused).detail.endswith("there Connection refused")


def test_a_name_that_leads_nowhere_is_said_without_a_guess_at_the_node() -> None:
    seen = sighting("virginia", 1_000, 12.5, "no such name", None)
    assert (seen.ok, seen.stage, seen.detail) == (False, "name", "no such name")


@given(st.text(max_size=600), st.text(max_size=100))
def test_whatever_a_node_says_fits_into_its_row(words: str, version: str) -> None:
    seen = sighting("virginia", 1_000, 1.0, words, Health(status=200, version=version, boot_id="b"))
    assert len(seen.detail) <= 500
    assert len(seen.version or "") <= 64
    assert len((seen.detail + (seen.version or "")).splitlines()) <= 1

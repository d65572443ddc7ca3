"""The public files: what they may say, and that nothing else ever gets into them."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.watch.api.availability import Day
from noc.watch.api.uptime import days_of
from noc.watch.public.facts import Facts, MaintenanceFacts, Place, fleet_face, gather
from noc.watch.public.site import site, state_document
from noc.watch.store.outages import Outage

NOW = round(datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000
DAY = 24 * HOUR
PLACES = [
    Place("virginia", "Ashburn", "US"),
    Place("frankfurt", "Frankfurt", "DE"),
    Place("singapore", "Singapore", "SG"),
]
EVERYWHERE = [Place(f"node{number:02}", f"City {number}", "CH") for number in range(1, 22)]


def outage(number: int, node: str, **given: Any) -> Outage:
    known = {"severity": "SEV2", "started": NOW - HOUR, "ended": None, "verdict": "", "parent": None}
    return Outage(number, node, **{**known, **given})


def facts(
    *outages: Outage,
    places: Sequence[Place] = PLACES,
    pending: Sequence[str] = (),
    maintained: Sequence[str] = (),
    maintenance: Sequence[MaintenanceFacts] = (),
) -> Facts:
    days = {each.name: days_of(each.name, 0, outages, (), now=NOW, zone=UTC, days=90) for each in places}
    return gather(
        fleet="clavitor",
        domain="soc.clavitor.com",
        places=places,
        outages=outages,
        days=days,
        pending=pending,
        maintained=maintained,
        maintenance=maintenance,
        at=NOW,
        until=NOW + 90_000,
    )


def faces(found: Facts) -> dict[str, str]:
    return {node.name: node.face for node in found.nodes}


def page(found: Facts) -> str:
    return site(found)["index.html"].decode()


def test_a_fleet_without_an_incident_is_operational() -> None:
    found = facts()
    assert (found.face, set(faces(found).values())) == ("operational", {"operational"})
    assert "All nodes are operational" in page(found)


@pytest.mark.parametrize(("severity", "face"), [("SEV2", "disrupted"), ("SEV1", "outage")])
def test_an_open_incident_is_its_nodes_face(severity: str, face: str) -> None:
    assert faces(facts(outage(1, "frankfurt", severity=severity)))["frankfurt"] == face


def test_one_node_that_is_out_is_a_disruption_of_the_fleet() -> None:
    assert facts(outage(1, "frankfurt", severity="SEV1")).face == "disrupted"


def test_half_of_the_nodes_out_are_an_outage() -> None:
    assert fleet_face(["outage", "outage", "operational", "operational"]) == "outage"


def test_a_node_that_serves_and_cannot_push_is_operational() -> None:
    found = facts(outage(1, "frankfurt", verdict="tunnel"))
    assert (faces(found)["frankfurt"], found.incidents) == ("operational", [])


def test_what_hq_cannot_see_is_not_known_rather_than_well_or_out() -> None:
    found = facts(outage(1, "@fleet", verdict="HQ"), outage(2, "frankfurt", parent=1))
    assert (found.face, set(faces(found).values())) == ("unknown", {"unknown"})
    assert "Monitoring interrupted" in page(found)


def test_a_node_that_was_never_heard_is_not_known() -> None:
    assert faces(facts(pending=["singapore"]))["singapore"] == "unknown"


def test_a_node_in_maintenance_says_so_and_its_incident_is_no_outage() -> None:
    assert faces(facts(outage(1, "frankfurt"), maintained=["frankfurt"]))["frankfurt"] == "maintenance"


def test_a_fleet_of_no_node_is_not_green() -> None:
    assert facts(places=[]).face == "unknown"


def test_a_group_speaks_once_for_its_nodes() -> None:
    found = facts(outage(1, "@region/eu"), outage(2, "frankfurt", parent=1), outage(3, "virginia", parent=1))
    assert [list(each.nodes) for each in found.incidents] == [["frankfurt", "virginia"]]


def test_an_incident_of_a_machine_that_is_not_public_is_not_told() -> None:
    assert facts(outage(1, "zurich")).incidents == []


def test_maintenance_names_public_nodes_and_what_is_over_is_gone() -> None:
    planned = [
        MaintenanceFacts(["frankfurt", "zurich"], NOW + HOUR, NOW + 2 * HOUR),
        MaintenanceFacts(["virginia"], NOW - 2 * HOUR, NOW - HOUR),
    ]
    assert [list(each.nodes) for each in facts(maintenance=planned).maintenance] == [["frankfurt"]]


def test_a_day_with_six_hours_out_is_a_short_bar_and_three_quarters() -> None:
    start = NOW - NOW % DAY - 2 * DAY
    found = facts(outage(1, "frankfurt", started=start, ended=start + 6 * HOUR))
    node = next(each for each in state_document(found)["nodes"] if each["name"] == "frankfurt")
    assert (node["days"][-3], node["days"][-2], len(node["days"])) == (0.75, 1.0, 90)
    assert 'class="bad"' in page(found)


def test_what_was_down_is_never_rounded_away() -> None:
    found = facts(outage(1, "frankfurt", started=NOW - 60_000, ended=NOW - 50_000))
    assert "99.99 %" in page(found)


def test_every_document_carries_its_time_and_how_long_it_holds() -> None:
    files = site(facts())
    state, feed = json.loads(files["status.json"]), json.loads(files["feed.json"])
    assert (state["at"], state["max_age_s"]) == ("2026-11-26T12:00:00.000Z", 90)
    assert feed["_status"]["valid_until"] == "2026-11-26T12:01:30.000Z"
    assert ET.fromstring(files["feed.xml"]).findtext("channel/lastBuildDate") is not None
    assert 'data-max-age="90"' in files["index.html"].decode()
    assert "12:01:30 UTC" in files["index.html"].decode()


def test_the_page_asks_for_itself_again_without_a_script() -> None:
    assert '<noscript><meta http-equiv="refresh"' in page(facts())


def test_nothing_on_the_page_comes_from_elsewhere_and_nothing_is_inline() -> None:
    html = page(facts(outage(1, "frankfurt")))
    assert re.findall(r'(?:src|href)="(?:https?:)?//', html) == []
    assert "<style" not in html
    assert " style=" not in html
    assert re.findall(r"<script(?! src=)", html) == []


def test_a_page_of_21_nodes_with_many_incidents_stays_under_100_kb() -> None:
    started = range(NOW - 80 * DAY, NOW, DAY)
    outages = [
        outage(number, f"node{number % 21 + 1:02}", started=at, ended=at + HOUR) for number, at in enumerate(started)
    ]
    files = site(facts(*outages, places=EVERYWHERE))
    assert sum(len(files[name]) for name in ("index.html", "status.css", "status.js")) < 100_000


def test_feeds_name_an_incident_the_same_before_and_after_it_grew_and_ended() -> None:
    before, after = (
        json.loads(site(facts(each))["feed.json"])["items"][0]["id"]
        for each in (outage(1, "frankfurt"), outage(1, "frankfurt", severity="SEV1", ended=NOW))
    )
    assert before == after


def test_a_badge_is_the_same_bytes_as_long_as_the_state_is() -> None:
    later = facts(outage(1, "virginia"))
    assert site(facts())["badge/frankfurt.svg"] == site(later)["badge/frankfurt.svg"]
    assert site(facts())["badge/virginia.svg"] != site(later)["badge/virginia.svg"]


def test_names_are_text_and_never_markup() -> None:
    places = [Place("evil", "<script>alert(1)</script>", "US")]
    files = site(facts(places=places))
    assert "<script>alert" not in files["index.html"].decode()
    for name in ("feed.xml", "badge/evil.svg", "badge/fleet.svg"):
        ET.fromstring(files[name])


SHAPE = {
    "": {"at", "valid_until", "max_age_s", "fleet", "state", "nodes", "incidents", "maintenance"},
    "nodes": {"name", "city", "country", "state", "availability", "first_day", "days"},
    "incidents": {"nodes", "state", "started_at", "ended_at"},
    "maintenance": {"nodes", "begins_at", "ends_at"},
}

subjects = st.sampled_from([*(each.name for each in PLACES), "zurich", "@fleet", "@region/eu-central-1"])
instants = st.integers(NOW - 95 * DAY, NOW)
found_outages = st.builds(
    Outage,
    id=st.integers(1, 9),
    node=subjects,
    severity=st.sampled_from(["SEV1", "SEV2"]),
    started=instants,
    ended=st.none() | instants,
    verdict=st.sampled_from(["", "service", "proxy", "name", "certificate", "tunnel", "HQ"]),
    parent=st.none() | st.integers(1, 9),
)


@given(st.lists(found_outages, max_size=8), st.sets(st.sampled_from([each.name for each in PLACES])))
def test_whatever_happened_only_allowed_fields_and_words_are_public(outages: list[Outage], waiting: set[str]) -> None:
    files = site(facts(*outages, pending=sorted(waiting)))
    state = json.loads(files["status.json"])
    assert set(state) == SHAPE[""]
    for part in ("nodes", "incidents", "maintenance"):
        assert all(set(each) == SHAPE[part] for each in state[part])
    text = b"".join(content for name, content in files.items() if not name.startswith("status.")).decode()
    for secret in ("zurich", "@", "eu-central-1", "SEV", "proxy", "certificate", "tunnel", "HQ"):
        assert secret not in re.sub(r"@media", "", text)


@given(st.lists(found_outages, max_size=8))
def test_a_node_with_an_open_incident_that_was_seen_is_never_green(outages: list[Outage]) -> None:
    found = facts(*outages)
    for each in outages:
        if each.ended is None and each.verdict != "tunnel" and each.node in faces(found):
            assert faces(found)[each.node] != "operational"


def test_a_day_before_the_first_push_is_drawn_as_not_known() -> None:
    days = days_of("frankfurt", NOW - DAY, (), (), now=NOW, zone=UTC, days=90)
    assert isinstance(days[0], Day)
    assert days[0].availability is None

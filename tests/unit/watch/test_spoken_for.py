"""Programs at the watch's doors: the bot asks in a person's name, the agent in its own, and neither for more."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from callers_kit import PAGE, PEOPLE, Callers, callers
from noc.fleet.model import Role
from noc.watch.access.caller import RANK
from noc.watch.api.rest import Api
from noc.watch.clock import now
from noc.watch.store.records import Beat

FOR = "Noc-For"
PAGES = ("/", "/nodes/frankfurt", "/incidents/1", "/approvals/" + "a" * 64, "/login", "/events")
ACKNOWLEDGE = "/api/v1/incidents/1/ack"


@pytest.fixture
async def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callers]:
    async with callers(tmp_path, monkeypatch) as found:
        await found.watch.take(Beat("frankfurt", now().wall, up=False, msg="killed-KILL", boot="b"), now())
        yield found


async def acknowledge(doors: Callers, login: str, person: str = "") -> Any:
    headers = {FOR: person} if person else {}
    return await doors.at_socket(login, "POST", ACKNOWLEDGE, json={}, headers=headers)


async def taken_by(doors: Callers) -> Any:
    return (await doors.at_socket("vera", "GET", "/api/v1/incidents/1")).json()["incident"]["acknowledged_by"]


async def test_what_the_bot_does_for_a_person_is_that_persons(doors: Callers) -> None:
    assert (await acknowledge(doors, "noc-bot", "olga")).is_success
    assert await taken_by(doors) == "olga"


@pytest.mark.parametrize(("person", "role"), PEOPLE.items())
async def test_the_bot_may_for_a_person_what_the_persons_role_may(doors: Callers, person: str, role: Role) -> None:
    note = {"text": "on my way"}
    answer = await doors.at_socket("noc-bot", "POST", "/api/v1/incidents/1/notes", json=note, headers={FOR: person})
    assert answer.is_success == (RANK[role] >= RANK["operator"])


@pytest.mark.parametrize("login", ["root", "noc-runner", "noc-agent", "johan", "vera", "uid"])
async def test_nobody_but_the_bot_speaks_for_a_person(doors: Callers, login: str) -> None:
    answer = await acknowledge(doors, login, "johan")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "NOC-E684")
    assert await taken_by(doors) is None


@pytest.mark.parametrize("person", ["nobody", "root", "noc-bot", "noc-agent", "Johan", " ", "johan,vera"])
async def test_the_bot_speaks_for_nobody_whom_the_fleet_file_does_not_list(doors: Callers, person: str) -> None:
    assert (await acknowledge(doors, "noc-bot", person)).status_code == 403


async def test_the_bot_speaks_for_one_person_at_a_time(doors: Callers) -> None:
    twice = [(FOR, "vera"), (FOR, "johan")]
    answer = await doors.at_socket("noc-bot", "GET", "/api/v1/nodes", headers=twice)
    assert answer.json()["error"]["code"] == "NOC-E684"


async def test_nobody_speaks_for_a_person_through_the_proxy(doors: Callers) -> None:
    headers = await doors.session("johan") | {FOR: "johan"}
    assert (await doors.at_proxy("GET", "/", headers=headers)).json()["error"]["code"] == "NOC-E684"


async def test_the_bot_itself_may_look_and_no_more(doors: Callers) -> None:
    assert (await doors.at_socket("noc-bot", "GET", "/api/v1/nodes")).is_success
    assert (await acknowledge(doors, "noc-bot")).status_code == 403


async def test_the_agent_takes_an_incident_over(doors: Callers) -> None:
    assert (await acknowledge(doors, "noc-agent")).is_success
    assert await taken_by(doors) == "noc-agent"


@pytest.mark.parametrize("listed", ["viewer", "operator", "approver"])
async def test_the_agent_is_an_agent_whatever_the_fleet_file_says(doors: Callers, listed: Role) -> None:
    doors.employ(noc_agent=listed)
    assert (await acknowledge(doors, "noc-agent")).is_success
    assert (await doors.at_socket("noc-agent", "POST", "/api/v1/reload")).status_code == 403


async def test_the_agent_changes_nothing_but_who_has_an_incident(doors: Callers) -> None:
    doors.employ(noc_agent="approver")
    changes = [each for each in Api(doors.watch, doors.keyring).operations if each.method != "GET"]
    filled = {"{name}": "frankfurt", "{id:int}": "1", "{id}": "1"}
    passed = []
    for each in changes:
        path = each.path
        for place, value in filled.items():
            path = path.replace(place, value)
        answer = await doors.at_socket("noc-agent", each.method, path, json={})
        if answer.status_code != 403:
            passed.append(f"{each.method} {each.path}")
    assert passed == ["POST /api/v1/incidents/{id:int}/ack"]


@pytest.mark.parametrize("headers", [{}, {FOR: "johan"}])
@pytest.mark.parametrize(
    "path", ["/", "/nodes/frankfurt", "/incidents/1", "/approvals/" + "a" * 64, "/login", "/events"]
)
async def test_a_program_has_no_pages_and_so_none_of_their_forms(
    doors: Callers, path: str, headers: dict[str, str]
) -> None:
    for login in ("noc-bot", *([] if headers else ["noc-agent"])):
        assert (await doors.at_socket(login, "GET", path, headers=PAGE | headers)).status_code == 403


@pytest.mark.parametrize("login", ["noc-bot", "noc-agent"])
async def test_a_program_cannot_sign_in(doors: Callers, login: str) -> None:
    doors.employ(noc_agent="approver", noc_bot="approver")
    assert (await doors.at_socket(login, "POST", "/api/v1/links")).status_code == 403


async def test_nobody_signs_in_through_a_chat(doors: Callers) -> None:
    answer = await doors.at_socket("noc-bot", "POST", "/api/v1/links", headers={FOR: "johan"})
    assert answer.status_code == 403
    assert doors.keyring.of("link") == []


async def test_a_chat_makes_no_token(doors: Callers) -> None:
    body = {"role": "viewer", "expires_at": "2999-01-01T00:00:00Z"}
    answer = await doors.at_socket("noc-bot", "PUT", "/api/v1/tokens/mine", json=body, headers={FOR: "johan"})
    assert answer.status_code == 403
    assert doors.keyring.of("token") == []

"""Plans that wait for an approval, on the watch's pages, and what people decide there; the runner is a real one."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from callers_kit import PAGE, Callers, callers
from noc.fleet.model import Freeze, Role
from noc.runs.record.journal import run_ids
from noc.watch.access.caller import Caller, Via
from noc.watch.config import Config
from noc.watch.errors import DecidedElsewhere
from noc.watch.pages.decisions import decider
from page_runner_kit import HOSTILE, PageRunner, page_runner

DASH = "\N{EN DASH}"
PEOPLE: dict[str, Role] = {
    "anna": "approver",
    "james": "approver",
    "olga": "operator",
    "vera": "viewer",
    "claude": "agent",
}


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageRunner]:
    with page_runner(tmp_path / "hq", monkeypatch) as made:
        yield made


@pytest.fixture
async def doors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: PageRunner) -> AsyncIterator[Callers]:
    (tmp_path / "watch").mkdir()
    async with callers(tmp_path / "watch", monkeypatch, runner.socket_of("noc-watch")) as found:
        found.employ(**PEOPLE)
        yield found


async def shown(doors: Callers, path: str = "/", person: str = "vera") -> str:
    answer = await doors.at_socket(person, "GET", path, headers=PAGE)
    assert answer.status_code == 200, answer.text
    return answer.text


def token_in(page: str) -> str:
    found = re.search(r'name="form" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


async def decide(
    doors: Callers, wanted: dict[str, Any], act: str, person: str = "anna", **fields: str
) -> httpx.Response:
    """Open the request's page in a browser that is signed in, and press a button of it."""
    headers, path = await doors.session(person), f"/approvals/{wanted['digest']}"
    page = await doors.at_proxy("GET", path, headers=headers)
    form = {"form": token_in(page.text), **fields}
    return await doors.at_proxy("POST", f"{path}/{act}", headers=headers, data=form)


def state(runner: PageRunner, wanted: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = runner.client.ask("pending", request=wanted["digest"])["request"]
    return found


async def test_what_waits_is_on_the_dashboard_with_phrase_risk_requester_and_who_has_to_agree(
    doors: Callers, runner: PageRunner
) -> None:
    wanted = runner.wanted()
    page = await shown(doors)
    assert "Waiting for approval <span>1</span>" in page
    for words in (wanted["what"], wanted["phrase"], "medium risk", "</span> olga", wanted["needs"], "expires in"):
        assert words in page


async def test_the_plan_is_shown_row_by_row(doors: Callers, runner: PageRunner) -> None:
    runner.wanted()
    page = await shown(doors)
    rows = re.findall(r'<th scope="row">(\w+)</th><td class="num">([^<]*)</td><td>([^<]*)</td><td[^>]*>([^<]*)<', page)
    assert rows == [
        ("virginia", "canary", "1.0.0 (1) → 1.1.0 (2)", "caddy.json"),
        ("frankfurt", DASH, "1.1.0 (2) → 1.1.0 (2)", DASH),
        ("singapore", "1", "1.0.0 (1) → 1.1.0 (2)", DASH),
    ]


async def test_a_long_plan_is_cut_on_the_dashboard_and_whole_on_its_own_page(
    doors: Callers, runner: PageRunner
) -> None:
    runner.rows = tuple(runner.rows[0].model_copy(update={"node": f"node-{each}"}) for each in range(100))
    wanted = runner.wanted()
    page = await shown(doors)
    assert (page.count('<tr class="change">'), "and 60 more" in page) == (40, True)
    assert (await shown(doors, f"/approvals/{wanted['digest']}")).count('<tr class="change">') == 100


async def test_a_tab_says_that_something_waits(doors: Callers, runner: PageRunner) -> None:
    runner.wanted()
    assert "<title>1 to approve · clavitor fleet</title>" in await shown(doors)


async def test_a_page_of_anything_else_says_how_many_wait(doors: Callers, runner: PageRunner) -> None:
    runner.wanted()
    assert '<a href="/#approvals"><b>1</b> to approve</a>' in await shown(doors, "/incidents")


async def test_what_a_node_wrote_into_a_plan_is_text_on_one_line(doors: Callers, runner: PageRunner) -> None:
    runner.wanted()
    page = await shown(doors)
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in page
    assert HOSTILE[-1] not in page


async def test_an_approver_approves_and_the_run_begins_in_the_requesters_name(
    doors: Callers, runner: PageRunner
) -> None:
    wanted = runner.wanted()
    answer = await decide(doors, wanted, "approve")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/approvals/{wanted['digest']}")
    assert state(runner, wanted)["state"] == "used"
    (run,) = run_ids(runner.paths.runs)
    begun = runner.client.ask("show", run=run)["events"][0]
    assert (begun["detail"]["by"], begun["detail"]["approved_by"]) == ("olga", "anna")


async def test_the_audit_names_the_person_and_the_page(doors: Callers, runner: PageRunner) -> None:
    await decide(doors, runner.wanted(), "approve")
    entries = runner.client.ask("audit")["entries"]
    (given,) = [entry for entry in entries if entry["what"].startswith("approve") and entry["kind"] == "intent"]
    assert (given["by"], given["detail"]["channel"]) == ("anna", "page")


async def test_the_page_then_says_who_approved_and_offers_no_form_any_more(doors: Callers, runner: PageRunner) -> None:
    wanted = runner.wanted()
    await decide(doors, wanted, "approve")
    page = await shown(doors, f"/approvals/{wanted['digest']}", "james")
    assert "approved by anna; run" in page
    assert "/approve" not in page


async def test_a_denial_keeps_its_reason(doors: Callers, runner: PageRunner) -> None:
    wanted = runner.wanted()
    assert (await decide(doors, wanted, "deny", reason="not on a Friday")).status_code == 303
    denial = state(runner, wanted)["denial"]
    assert (denial["by"], denial["reason"]) == ("anna", "not on a Friday")
    assert "denied by anna: not on a Friday" in await shown(doors, f"/approvals/{wanted['digest']}")


async def test_who_asked_may_want_it_no_more(doors: Callers, runner: PageRunner) -> None:
    wanted = runner.wanted(by="olga")
    assert (await decide(doors, wanted, "deny", "olga")).status_code == 303
    assert state(runner, wanted)["state"] == "denied"


@pytest.mark.parametrize("person", ["olga", "vera", "claude"])
async def test_only_an_approver_gets_the_button_and_a_forged_form_gets_nothing(
    doors: Callers, runner: PageRunner, person: str
) -> None:
    wanted = runner.wanted(by="james")
    path = f"/approvals/{wanted['digest']}"
    page = await shown(doors, path, person)
    assert 'action="' not in page.partition('id="acts"')[2]
    form = {"form": token_in(await shown(doors, f"/approvals/{wanted['digest']}", "anna"))}
    headers = PAGE | {"sec-fetch-site": "same-origin"}
    assert (await doors.at_socket(person, "POST", f"{path}/approve", headers=headers, data=form)).status_code == 403
    assert state(runner, wanted)["state"] == "pending"


async def test_who_asked_does_not_approve_it_where_somebody_else_has_to(doors: Callers, runner: PageRunner) -> None:
    wanted = runner.wanted(by="james")
    answer = await decide(doors, wanted, "approve", "james")
    assert answer.status_code == 403
    assert "so somebody else has to approve it" in answer.text
    assert state(runner, wanted)["state"] == "pending"


@pytest.mark.parametrize("form", [{"reason": "x"}, {"form": ""}, {"form": "0" * 64}])
async def test_a_form_of_no_page_of_ours_decides_nothing(
    doors: Callers, runner: PageRunner, form: dict[str, str]
) -> None:
    wanted, headers = runner.wanted(), await doors.session("anna")
    for act in ("approve", "deny"):
        answer = await doors.at_proxy("POST", f"/approvals/{wanted['digest']}/{act}", headers=headers, data=form)
        assert answer.status_code == 403
    assert state(runner, wanted)["state"] == "pending"


async def test_another_sites_form_decides_nothing(doors: Callers, runner: PageRunner) -> None:
    wanted, headers = runner.wanted(), await doors.session("anna")
    path = f"/approvals/{wanted['digest']}"
    form = {"form": token_in((await doors.at_proxy("GET", path, headers=headers)).text)}
    foreign = headers | {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}
    assert (await doors.at_proxy("POST", f"{path}/approve", headers=foreign, data=form)).status_code == 403
    assert state(runner, wanted)["state"] == "pending"


@pytest.mark.parametrize("via", ["chat", "token", "link"])
def test_an_approver_who_comes_in_no_own_name_decides_nothing(via: Via) -> None:
    request = Request({"type": "http", "state": {"caller": Caller("anna", "approver", via)}})
    with pytest.raises(DecidedElsewhere):
        decider(request, "approver")


async def test_who_has_not_signed_in_is_asked_to(doors: Callers, runner: PageRunner) -> None:
    wanted = runner.wanted()
    answer = await doors.at_proxy(
        "POST", f"/approvals/{wanted['digest']}/approve", headers={"sec-fetch-site": "same-origin"}
    )
    assert answer.status_code == 401


async def test_a_plan_that_is_signed_shows_the_command_and_no_button(doors: Callers, runner: PageRunner) -> None:
    wanted = runner.wanted(action="os-update")
    assert wanted["signed"]
    page = await shown(doors, f"/approvals/{wanted['digest']}", "anna")
    assert f"noc approve {wanted['phrase'].replace(' ', '-')} --key" in page
    assert '/approve"' not in page
    assert '/deny"' in page


async def test_a_signed_plan_is_not_approved_by_a_form_either(doors: Callers, runner: PageRunner) -> None:
    wanted = runner.wanted(action="os-update")
    answer = await decide(doors, wanted, "approve")
    assert "is approved by signature" in answer.text
    assert state(runner, wanted)["state"] == "pending"


async def test_an_approval_whose_run_cannot_begin_says_both(doors: Callers, runner: PageRunner) -> None:
    first, second = runner.wanted(action="reboot"), runner.wanted(action="keygen")
    assert (await decide(doors, first, "approve")).status_code == 303
    answer = await decide(doors, second, "approve")
    assert answer.status_code == 409
    assert "the plan is approved, but its run has not begun" in answer.text
    assert "approved by anna, and its run has not begun" in await shown(doors, f"/approvals/{second['digest']}")


async def test_a_halt_is_on_every_page_with_who_and_why(doors: Callers, runner: PageRunner) -> None:
    runner.client.ask("halt", reason="the database is being moved")
    page = await shown(doors)
    assert re.search(r"The fleet is halted</b> by \w+", page)
    assert "the database is being moved" in page
    assert "<b>halted</b>" in await shown(doors, "/incidents")


async def test_a_freeze_is_on_every_page_with_its_end_and_reason(doors: Callers, runner: PageRunner) -> None:
    always = Freeze(start="2020-01-01 00:00", end="2999-01-01 00:00", zone="UTC", reason="nobody is <here>")
    config = doors.watch.config
    frozen = config.fleet.model_copy(update={"freeze": (always,)})
    doors.watch.config = Config(**{**vars(config), "fleet": frozen})
    assert "The fleet is frozen</b> until 2999-01-01 01:00: nobody is &lt;here&gt;." in await shown(doors)
    assert "<b>frozen</b>" in await shown(doors, "/incidents")


async def test_who_holds_the_lease_is_told_where_the_page_shows_no_run_of_theirs(
    doors: Callers, runner: PageRunner
) -> None:
    await decide(doors, runner.wanted(), "approve")
    assert "olga&#39;s run" in await shown(doors)
    assert "holds the lease since" in await shown(doors)


async def test_a_runner_that_is_away_is_told_and_the_page_goes_on(doors: Callers, runner: PageRunner) -> None:
    runner.socket_of("noc-watch").unlink()
    page = await shown(doors)
    assert "What waits for an approval is not known here." in page
    assert "NOC-E680 the runner does not answer" in page
    assert 'id="node-virginia"' in page


async def test_a_decision_while_the_runner_is_away_is_refused_in_words(doors: Callers, runner: PageRunner) -> None:
    wanted, headers = runner.wanted(), await doors.session("anna")
    path = f"/approvals/{wanted['digest']}"
    form = {"form": token_in((await doors.at_proxy("GET", path, headers=headers)).text)}
    runner.socket_of("noc-watch").unlink()
    answer = await doors.at_proxy("POST", f"{path}/approve", headers=headers, data=form)
    assert answer.status_code == 503
    assert "the runner does not answer" in answer.text


@pytest.mark.parametrize("digest", ["a" * 64, "0" * 12])
async def test_a_plan_that_nobody_asked_for_has_no_page(doors: Callers, digest: str) -> None:
    assert (await doors.at_socket("anna", "GET", f"/approvals/{digest}", headers=PAGE)).status_code == 404


@pytest.mark.parametrize("digest", ["last", "a" * 11, "A" * 64, "a" * 65, "..%2f..", "merit-insect-bone-globe"])
async def test_a_page_is_of_a_digest_and_of_nothing_else(doors: Callers, runner: PageRunner, digest: str) -> None:
    runner.wanted()
    assert (await doors.at_socket("anna", "GET", f"/approvals/{digest}", headers=PAGE)).status_code == 404


async def test_a_page_is_found_by_the_first_digits_too(doors: Callers, runner: PageRunner) -> None:
    wanted = runner.wanted()
    assert wanted["phrase"] in await shown(doors, f"/approvals/{wanted['digest'][:12]}")


async def test_looking_leaves_no_line_in_the_audit(doors: Callers, runner: PageRunner) -> None:
    wanted = runner.wanted()
    before = len(runner.client.ask("audit")["entries"])
    await shown(doors)
    await shown(doors, f"/approvals/{wanted['digest']}")
    assert len(runner.client.ask("audit")["entries"]) == before

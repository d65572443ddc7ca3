"""What verbs do for somebody in a chat, before a real runner and a real watch; what they answer is data and words."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent_kit import approved
from noc.agent.doors.actor import Actor
from noc.agent.doors.house import House
from noc.agent.errors import PlanSlow
from noc.agent.verbs.asking import read_words
from noc.agent.verbs.table import BY_NAME, COMMANDS
from noc.agent.verbs.verb import Call, Done
from noc.errors import NocError
from noc.runs.admission.identities import Identities, Identity
from noc.runs.plan.plan import Plan
from page_runner_kit import POLICY, PageRunner, page_runner
from principal_kit import PEOPLE
from watch_kit import Server, write_fleet

AS_BOT = "from noc.watch.access import people; people._login = lambda _: 'noc-bot'; from noc.cli.main import run; run()"
NUMBERS = {"anna": "1001", "olga": "1003", "vera": "1004"}
FREEZE = '[[freeze]]\nfrom = "{start}"\nuntil = "{end}"\nzone = "UTC"\nreason = "the move"\n'


def frozen_now() -> str:
    """A freeze that began yesterday and ends tomorrow."""
    start, end = (f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d %H:%M}" for days in (-1, 1))
    return FREEZE.format(start=start, end=end)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PageRunner]:
    """A runner that knows who is linked to which chat."""
    with page_runner(tmp_path / "runner", monkeypatch, POLICY) as made:
        for name, number in NUMBERS.items():
            identity = Identity(channel="telegram", id=number, person=name, at=datetime.now(UTC))
            Identities(made.paths.identities).add(identity)
        yield made


class BotsServer(Server):
    """A watch to which everybody is a program, to which `/health` is not open."""

    def answers(self) -> bool:
        try:
            return bool(self.ask("/api/v1/nodes")[0] == 200)
        except OSError:
            return False


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real watch of the same nodes and people, to which whoever runs the tests is noc-bot."""
    folder = tmp_path_factory.mktemp("heard")
    fleet = write_fleet(folder / "fleet")
    with (fleet / "fleet.toml").open("a") as file:
        file.write(PEOPLE)
    with BotsServer(folder, fleet, program=AS_BOT) as server:
        yield server


@pytest.fixture
def bot(runner: PageRunner, heard: Server) -> House:
    """The doors as noc-bot has them."""
    return House(runner.paths.fleet, runner.socket_of("noc-bot"), heard.socket)


async def say(bot: House, name: str, text: str) -> Done[Any]:
    """What comes of a command that somebody gives in a chat."""
    command, *words = text.removeprefix("/").split()
    verb = COMMANDS[command]
    actor = await bot.actor("telegram", NUMBERS[name])
    return await verb.act(Call(bot, actor), read_words(verb, words))


async def test_who_somebody_is_comes_from_the_runner(bot: House) -> None:
    assert (await say(bot, "anna", "/who")).message.title == "you are anna, approver"


async def test_nobody_is_behind_a_number_that_is_not_linked(bot: House) -> None:
    with pytest.raises(NocError) as raised:
        await bot.actor("telegram", "666")
    assert raised.value.code == "E551"


async def test_a_chat_is_linked_by_a_code_that_a_person_got_on_hq(bot: House, runner: PageRunner) -> None:
    code = House(bot.directory, runner.socket_of("james"), bot.watch_socket).runner()
    given = await code.ask("link-code", channel="telegram")
    stranger, verb = Actor("", "viewer", "telegram", "1002"), COMMANDS["link"]
    done = await verb.act(Call(bot, stranger), read_words(verb, [given["code"]]))
    assert done.message.title == "this chat is james's now"
    assert (await bot.actor("telegram", "1002")).name == "james"


async def test_a_plan_is_asked_for_and_another_person_agrees(bot: House, runner: PageRunner) -> None:
    planned = await say(bot, "olga", "/rollback")
    begun = await BY_NAME["run_start"].act(
        Call(bot, await bot.actor("telegram", NUMBERS["olga"])),
        BY_NAME["run_start"].params(digest=planned.answer.digest),
    )
    assert begun.answer.state == "needs_approval"
    phrase = planned.answer.phrase
    denied = await say(bot, "anna", f"/deny {phrase.replace(' ', '-')} not today")
    assert denied.message.title == "rollback 3 nodes: denied by anna"
    assert denied.message.lines == ("not today",)
    assert runner.client.ask("pending")["requests"] == []


async def test_who_asked_for_a_plan_does_not_agree_to_it_in_a_chat_either(bot: House, runner: PageRunner) -> None:
    request = runner.wanted(by="anna")
    with pytest.raises(NocError) as raised:
        await say(bot, "anna", f"/approve {request['digest'][:12]}")
    assert raised.value.code == "E530"


async def test_agreement_in_a_chat_begins_the_run_and_names_it(bot: House, runner: PageRunner) -> None:
    request = runner.wanted(by="olga")
    done = await say(bot, "anna", f"/approve {request['phrase']}")
    assert done.message.title == "reboot 3 nodes: approved by anna"
    runner.let_go()
    assert [each["run"] for each in runner.client.ask("list")["runs"]] == [done.answer.run]


async def test_a_viewer_may_look_and_halt_and_begins_nothing(bot: House, runner: PageRunner) -> None:
    planned = await say(bot, "vera", "/rollback")
    start, vera = BY_NAME["run_start"], await bot.actor("telegram", NUMBERS["vera"])
    with pytest.raises(NocError) as raised:
        await start.act(Call(bot, vera), start.params(digest=planned.answer.digest))
    assert raised.value.code == "E501"
    assert (await say(bot, "vera", "/halt it burns")).message.lines[0] == "halted by vera: it burns"


async def test_runs_are_listed_by_the_end_of_their_names(bot: House, runner: PageRunner) -> None:
    run = await approved(runner, runner.wanted()["digest"])
    assert (await say(bot, "vera", "/runs")).message.code.split() == [
        run[-4:],
        "running",
        "olga",
        "reboot",
        "3",
        "nodes",
    ]


async def test_health_is_what_hq_finds_when_it_looks(bot: House) -> None:
    assert (await say(bot, "vera", "/health frankfurt")).message.lines == ("pending: frankfurt",)


async def test_a_silence_stands_at_the_watch_with_whose_it_is_and_can_be_made_anew(bot: House, heard: Server) -> None:
    for span in ("1h", "2h"):
        done = await say(bot, "olga", f"/silence {span} frankfurt virginia")
    assert done.message.title == "virginia, frankfurt: silent for 120 minutes"
    windows = heard.ask("/api/v1/maintenance")[1]["windows"]
    silences = [each for each in windows if each["kind"] == "silence"]
    assert [(each["id"], each["scope"], each["reason"]) for each in silences] == [
        (done.message.code.split()[-1], ["virginia", "frankfurt"], "olga, by telegram")
    ]


async def test_a_freeze_that_holds_heads_the_calendar(bot: House) -> None:
    with (bot.directory / "fleet.toml").open("a") as file:
        file.write(frozen_now())
    told = (await say(bot, "vera", "/calendar")).message
    assert told.title.startswith("frozen until ")
    assert any("the move" in line for line in told.lines)


async def test_the_fleet_at_a_glance_names_what_waits_and_a_halt(bot: House, runner: PageRunner) -> None:
    runner.wanted(by="olga")
    runner.client.ask("halt", reason="it burns")
    lines = (await say(bot, "vera", "/status")).message.lines
    assert any(line.startswith("halted by root: it burns") for line in lines)
    assert any(line.startswith("reboot 3 nodes: waits for ") for line in lines)


async def test_a_plan_that_takes_longer_than_somebody_waits_is_told_so(
    bot: House, runner: PageRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(plan: Plan) -> Plan:
        await asyncio.sleep(30)
        return plan

    monkeypatch.setattr(runner, "_survey", slow)
    monkeypatch.setattr(
        runner.runner, "works", runner.runner.works.__class__(**{**vars(runner.runner.works), "survey": slow})
    )
    verb, vera = COMMANDS["rollback"], await bot.actor("telegram", NUMBERS["vera"])
    with pytest.raises(PlanSlow, match="ask for the same plan again"):
        await verb.act(Call(bot, vera, patience_s=0.2), read_words(verb, []))

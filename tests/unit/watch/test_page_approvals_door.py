"""The watch's side of the runner's door: what it sends, what it takes, and for how long it waits."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval_kit import plan
from noc.errors import NocError, NotFound, NotPermitted
from noc.fleet.stakes import stakes
from noc.watch.errors import RunnerAway, RunnerUnclear, RunNotBegun
from noc.watch.pages import fresh, runner
from noc.watch.pages.asked import MAX_TEXT, Options, content_digest, read_detailed, tame
from noc.watch.pages.fresh import Fresh
from noc.watch.pages.runner import RunnerDoor, refusal
from watch_kit import until_true

DIGEST = "d" * 64
Say = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(folder: Path, say: Say) -> AsyncIterator[tuple[RunnerDoor, list[dict[str, Any]]]]:
    """A stand-in for the runner's door, which notes what it is asked, and says what the test wants."""
    heard: list[dict[str, Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(json.loads(await reader.readline()))
        with suppress(ConnectionError, asyncio.CancelledError):
            await say(writer)
        writer.close()

    server = await asyncio.start_unix_server(serve, folder / "runner.sock")
    try:
        yield RunnerDoor(folder / "runner.sock"), heard
    finally:
        server.close()


def saying(*lines: object) -> Say:
    """Say lines of JSON, and hang up."""

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.writelines(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
        await writer.drain()

    return say


async def silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


def refused(code: str = "NOC-E524", exit_code: int = 7) -> dict[str, Any]:
    return {"error": {"code": code, "what": "another run is under way", "why": "", "fix": "wait", "exit": exit_code}}


async def test_a_question_names_the_person_for_whom_it_is_and_the_watchs_own_names_nobody(tmp_path: Path) -> None:
    async with answering(tmp_path, saying({"requests": []})) as (door, heard):
        await door.ask("pending")
        await door.ask("deny", person="anna", request=DIGEST, reason="no")
    assert heard[0] == {"op": "pending"}
    voucher = {"channel": "page", "person": "anna"}
    assert heard[1] == {"op": "deny", "for": voucher, "request": DIGEST, "reason": "no"}


async def test_an_approval_is_followed_until_its_run_has_begun(tmp_path: Path) -> None:
    told = saying({"approved": {}}, {"waiting": "for a lease"}, {"run": "r-1"}, {"seq": 1})
    async with answering(tmp_path, told) as (door, heard):
        assert await door.approve(DIGEST, "anna") == "r-1"
    assert heard == [{"op": "approve", "for": {"channel": "page", "person": "anna"}, "request": DIGEST}]


@pytest.mark.parametrize(("exit_code", "kind"), [(4, NotFound), (5, NotPermitted), (7, NocError)])
async def test_a_refusal_keeps_its_code_words_and_kind(tmp_path: Path, exit_code: int, kind: type[NocError]) -> None:
    async with answering(tmp_path, saying(refused("NOC-E531", exit_code))) as (door, _):
        with pytest.raises(kind) as raised:
            await door.approve(DIGEST, "anna")
    error = raised.value
    assert (error.code, error.exit_code, error.what, error.fix) == (
        "E531",
        exit_code,
        "another run is under way",
        "wait",
    )


async def test_a_refusal_behind_the_approval_says_that_the_plan_is_approved(tmp_path: Path) -> None:
    async with answering(tmp_path, saying({"approved": {}}, refused())) as (door, _):
        with pytest.raises(RunNotBegun, match="another run is under way"):
            await door.approve(DIGEST, "anna")


async def test_a_runner_that_goes_away_behind_the_approval_is_told_the_same(tmp_path: Path) -> None:
    async with answering(tmp_path, saying({"approved": {}})) as (door, _):
        with pytest.raises(RunNotBegun, match="closed the connection"):
            await door.approve(DIGEST, "anna")


@pytest.mark.parametrize("answer", [b"", b'{"requests": []', b"\xff\xfe"])
async def test_a_runner_that_hangs_up_is_away(tmp_path: Path, answer: bytes) -> None:
    async with answering(tmp_path, saying(answer)) as (door, _):
        with pytest.raises(RunnerAway, match="closed the connection"):
            await door.ask("pending")


@pytest.mark.parametrize("answer", [b"[]\n", b"no\n", b"\xff\xfe\n", b"[" * 100_000 + b"\n", b'{"error": "no"}\n'])
async def test_what_is_no_answer_is_not_taken_for_one(tmp_path: Path, answer: bytes) -> None:
    async with answering(tmp_path, saying(answer)) as (door, _):
        with pytest.raises(RunnerUnclear):
            await door.ask("pending")


async def test_an_answer_without_end_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MAX_LINE", 10_000)
    async with answering(tmp_path, saying(b"x" * 1_000_000)) as (door, _):
        with pytest.raises(RunnerUnclear, match="longer than 10000 bytes"):
            await door.ask("pending")


async def test_a_silent_runner_is_away_once_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ASK_S", 0.05)
    async with answering(tmp_path, silent) as (door, _):
        with pytest.raises(RunnerAway, match="said nothing within"):
            await door.ask("pending")


async def test_no_socket_is_a_runner_that_is_away(tmp_path: Path) -> None:
    with pytest.raises(RunnerAway, match="No such file"):
        await RunnerDoor(tmp_path / "nothing.sock").ask("pending")


async def test_no_more_than_a_few_are_asked_for_at_once(tmp_path: Path) -> None:
    async with answering(tmp_path, silent) as (door, heard):
        asked = [asyncio.create_task(door.ask("pending", number=str(each))) for each in range(runner.MOST_AT_ONCE * 3)]
        await until_true(lambda: len(heard) >= runner.MOST_AT_ONCE)
        await asyncio.sleep(0.05)
        assert len(heard) == runner.MOST_AT_ONCE
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


@given(st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_whatever_a_refusal_holds_an_error_comes_of_it(document: object) -> None:
    assert isinstance(refusal(document), NocError)


@given(st.text())
def test_a_tamed_text_is_one_line_of_bounded_length_in_one_direction(text: str) -> None:
    tamed = tame(text)
    assert len(tamed) <= MAX_TEXT
    assert tamed.isprintable()


@given(st.floats(0.001, 300), st.text(max_size=20), st.sampled_from(["low", "medium", "high"]))
def test_the_digest_is_the_runners_whatever_the_plan_holds(delay: float, reason: str, risk: Any) -> None:
    made = plan(risk, options={"override_freeze": reason}, rules={"down_wait": delay})
    sent = json.loads(json.dumps(made.model_dump(mode="json"), ensure_ascii=False))
    assert content_digest(sent) == made.digest


def answer_of(**changes: Any) -> dict[str, Any]:
    made = plan("medium")
    facts = {"what": made.label(), "phrase": made.phrase, "risk": made.risk, "state": "pending", "needs": "an approver"}
    times = {"at": "2026-03-01T12:00:00Z", "expires": "2026-03-01T13:00:00Z"}
    request = {"digest": made.digest, "signed": False, "run": None, "requester": "james", **facts, **times}
    return {"request": request | {"plan": made.model_dump(mode="json") | changes}, "labels": {}}


def test_a_request_is_shown_only_with_the_plan_that_its_digest_names() -> None:
    assert read_detailed(answer_of()).request.requester == "james"
    with pytest.raises(RunnerUnclear, match="another plan than it names"):
        read_detailed(answer_of(nodes=["frankfurt"]))


EVERY_OPTION: dict[str, Any] = {
    **dict.fromkeys(("restore_data", "force", "retire", "at_once", "gone", "without_backup"), True),
    "override_freeze": "the fair is today",
    "without": ("virginia", "frankfurt"),
    "address": {"virginia": "192.0.2.7"},
    "host_key": {"virginia": f"SHA256:{'a' * 43}"},
}


@pytest.mark.parametrize("options", [EVERY_OPTION, *({name: said} for name, said in EVERY_OPTION.items()), {}])
def test_the_page_says_of_what_somebody_asked_for_what_the_command_line_and_the_chats_say(
    options: dict[str, Any],
) -> None:
    made = plan(options=options)
    shown = Options.model_validate(made.model_dump(mode="json")["options"])
    assert shown.stakes == stakes(made.options.model_dump())
    assert len(shown.stakes) == len(options)


@pytest.mark.parametrize("answer", [{}, {"request": None}, {"request": {"plan": []}}, {"request": {"plan": {}}}])
def test_what_is_no_request_is_not_shown(answer: dict[str, Any]) -> None:
    with pytest.raises(RunnerUnclear):
        read_detailed(answer)


class Source:
    """Something to ask, which answers when the test lets it."""

    def __init__(self) -> None:
        self.asked, self.free = 0, asyncio.Event()
        self.error: NocError | None = None
        self.free.set()

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        await self.free.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_an_answer_serves_all_who_look_until_it_is_old() -> None:
    source = Source()
    shared = Fresh(source)
    for _ in range(5):
        await shared.look()
    assert (shared.value, source.asked) == (1, 1)
    shared.forget()
    await shared.look()
    assert shared.value == 2


async def test_who_looks_does_not_wait_for_a_slow_answer_and_nobody_asks_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fresh, "FRESH_S", 0)
    source = Source()
    source.free.clear()
    shared = Fresh(source)
    for _ in range(5):
        await shared.look(0.01)
    assert (shared.value, source.asked) == (None, 1)
    source.free.set()
    await asyncio.sleep(0)
    await shared.look(1)
    assert shared.value is not None


async def test_two_who_look_first_are_told_the_same() -> None:
    source = Source()
    source.free.clear()
    shared = Fresh(source)
    both = asyncio.gather(shared.look(None), shared.look(None))
    asyncio.get_running_loop().call_later(0.01, source.free.set)
    await both
    assert (shared.value, source.asked) == (1, 1)


async def test_what_was_asked_before_a_change_is_not_shown_behind_it() -> None:
    source = Source()
    source.free.clear()
    shared = Fresh(source)
    await shared.look(0.01)
    shared.forget()
    source.free.set()
    await shared.look(None)
    assert (shared.value, source.asked) == (2, 2)


async def test_who_waits_for_what_came_too_early_is_told_what_holds() -> None:
    source = Source()
    source.free.clear()
    shared = Fresh(source)
    waiting = asyncio.create_task(shared.look(None))
    await until_true(lambda: source.asked == 1)
    shared.forget()
    source.free.set()
    await waiting
    assert (shared.value, source.asked) == (2, 2)


async def test_what_is_given_up_is_not_asked_again() -> None:
    source = Source()
    source.free.clear()
    shared = Fresh(source)
    waiting = asyncio.create_task(shared.look(None))
    await until_true(lambda: source.asked == 1)
    shared.stop()
    await waiting
    assert (shared.value, source.asked) == (None, 1)


async def test_what_was_known_stays_beside_why_no_more_is() -> None:
    source = Source()
    shared = Fresh(source)
    await shared.look()
    source.error = RunnerAway("the runner does not answer")
    shared.forget()
    await shared.look()
    assert (shared.value, shared.error) == (1, source.error)


async def test_an_error_that_nobody_foresaw_reaches_who_looks() -> None:
    async def broken() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Fresh(broken).look()

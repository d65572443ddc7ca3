import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval_kit import BASIS, NOW, approver, request
from noc.errors import Usage
from noc.fleet.model import Approval as Policy
from noc.runs.admission import requests
from noc.runs.admission.approval import approve, deny, use
from noc.runs.admission.errors import ApprovalUsed, NotApproved, RequestNotFound, StoreExposed, TooManyRequests
from noc.runs.admission.request import Request, State
from noc.runs.admission.requests import MIN_DIGITS, Requests

POLICY = Policy(low="one", medium="one", high="one")


@pytest.fixture
def store(tmp_path: Path) -> Requests:
    made = Requests(tmp_path / "requests")
    made.open()
    return made


def numbered(number: int, requester: str = "james") -> Request:
    return request("medium", requester, created=NOW + timedelta(seconds=number)).model_copy(
        update={"at": NOW + timedelta(seconds=number)}
    )


def approved(waiting: Request) -> Request:
    return approve(waiting, approver("anna"), POLICY, basis=BASIS, now=NOW)


def used(given: Request, run: str = "run-1") -> Request:
    return use(given, given.plan.digest, run, POLICY, basis=BASIS, now=NOW)


def test_a_request_comes_back_as_it_was(store: Requests) -> None:
    for waiting in (numbered(1), approved(numbered(2)), deny(numbered(3), approver("anna"), "no", NOW)):
        store.add(waiting, NOW)
        assert store.get(waiting.plan.digest) == waiting
    assert [each.at for each in store.all()] == sorted(each.at for each in store.all())


def test_a_request_is_found_by_digits_phrase_and_as_the_last(store: Requests) -> None:
    first, last = numbered(1), numbered(2)
    for each in (first, last):
        store.add(each, NOW)
    plan = first.plan
    for name in (plan.digest, plan.digest[:MIN_DIGITS].upper(), plan.phrase, plan.phrase.replace(" ", "-")):
        assert store.find(name, NOW) == first
    assert store.find("last", NOW) == last


def test_the_last_is_the_last_that_waits(store: Requests) -> None:
    store.add(numbered(1), NOW)
    store.add(deny(numbered(2), approver("anna"), "", NOW), NOW)
    assert store.find("last", NOW) == numbered(1)
    with pytest.raises(RequestNotFound):
        store.find("last", NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("0" * MIN_DIGITS, RequestNotFound),
        ("abandon abandon abandon abandon", RequestNotFound),
        ("four words without meaning", RequestNotFound),
        ("0" * (MIN_DIGITS - 1), Usage),
        ("", Usage),
        ("../../../etc/passwd", Usage),
    ],
)
def test_what_is_no_request_is_not_found(store: Requests, name: str, error: type[Exception]) -> None:
    store.add(numbered(1), NOW)
    with pytest.raises(error):
        store.find(name, NOW)


@given(name=st.text(max_size=80))
def test_whatever_is_asked_for_is_found_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    store = Requests(tmp_path_factory.mktemp("asked") / "requests")
    store.open()
    with pytest.raises((RequestNotFound, Usage)):
        store.find(name, NOW)


def test_digits_that_two_requests_share_are_not_enough(store: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MIN_DIGITS", 1)
    for number in range(17):
        store.add(numbered(number), NOW)
    starts = [each.plan.digest[0] for each in store.all()]
    shared = next(start for start in starts if starts.count(start) > 1)
    with pytest.raises(Usage, match="more digits"):
        store.find(shared, NOW)


def test_a_change_is_refused_where_the_store_holds_something_else(store: Requests) -> None:
    waiting = numbered(1)
    store.add(waiting, NOW)
    given = approved(waiting)
    store.put(given, waiting)
    store.put(used(given), given)
    for late in (used(given, "run-2"), deny(waiting, approver("anna"), "", NOW)):
        with pytest.raises(NotApproved, match="meanwhile"):
            store.put(late, given)
    assert store.all() == [used(given)]


def test_one_person_cannot_fill_the_store(store: Requests) -> None:
    for number in range(requests.MAX_WAITING_EACH):
        store.add(numbered(number, "claude"), NOW)
    with pytest.raises(TooManyRequests, match="claude"):
        store.add(numbered(99, "claude"), NOW)
    store.add(numbered(99, "james"), NOW)


def test_all_together_cannot_fill_the_store(store: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_WAITING", 3)
    for number in range(3):
        store.add(numbered(number, f"person-{number}"), NOW)
    with pytest.raises(TooManyRequests):
        store.add(numbered(3, "another"), NOW)
    store.add(numbered(3, "another"), NOW + timedelta(hours=2))


def test_what_ended_long_ago_is_forgotten(store: Requests) -> None:
    store.add(numbered(1), NOW)
    store.clean(NOW + timedelta(hours=2))
    assert [each.state(NOW + timedelta(hours=2)) for each in store.all()] == [State.EXPIRED]
    store.clean(NOW + timedelta(days=2))
    assert store.all() == []


def test_of_very_many_that_ended_the_oldest_are_forgotten(store: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MAX_ENDED", 2)
    for number in range(5):
        store.add(deny(numbered(number), approver("anna"), "", NOW), NOW)
    store.clean(NOW)
    assert store.all() == [deny(numbered(number), approver("anna"), "", NOW) for number in (3, 4)]


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o703])
def test_a_store_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests").chmod(mode)
    with pytest.raises(StoreExposed, match="chmod 700"):
        Requests(tmp_path / "requests").open()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: b"",
        lambda text: b"\xff",
        lambda text: text.replace(b"virginia", b"victoria"),
        lambda text: text.replace(b'"requester"', b'"asker"'),
        lambda text: b"[" * 100_000,
    ],
    ids=["cut", "empty", "no UTF-8", "another plan", "another key", "deep"],
)
def test_a_file_that_was_damaged_approves_nothing(
    store: Requests, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    waiting = numbered(1)
    store.add(approved(waiting), NOW)
    (path,) = (tmp_path / "requests").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert store.all() == []
    assert store.get(waiting.plan.digest) is None


def test_a_file_under_the_name_of_another_plan_approves_nothing(store: Requests, tmp_path: Path) -> None:
    store.add(approved(numbered(1)), NOW)
    (path,) = (tmp_path / "requests").iterdir()
    other = numbered(2).plan.digest
    path.rename(path.with_name(f"{other}.json"))
    assert store.get(other) is None


BOUNDARIES = range(1, 13)
"""Three changes, each of four calls: a file is synced, renamed, its directory opened and synced."""


@pytest.mark.parametrize("calls", BOUNDARIES)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_an_approval_begins_one_run_at_most(tmp_path: Path, calls: int, after: bool) -> None:
    """A runner takes a request, its approval, uses it and begins; killed, it starts anew and tries to begin again."""
    begun = tmp_path / "begun"
    child = os.fork()
    if child == 0:
        _kill_at(calls, after)
        _begin_once(tmp_path / "requests", begun, "run-1")
        os.kill(os.getpid(), signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    store = Requests(tmp_path / "requests")
    store.open()
    assert all(path.suffix == ".json" for path in (tmp_path / "requests").iterdir())
    for each in store.all():
        if each.state(NOW) is State.APPROVED:
            _use(store, begun, "run-2")
        elif each.state(NOW) is State.USED:
            with pytest.raises(ApprovalUsed):
                used(each, "run-2")
    assert len(begun.read_text().split() if begun.exists() else []) <= 1


def _kill_at(calls: int, after: bool) -> None:
    """Let this process die at one of its calls that change the disk, before or after it took place."""
    left = calls

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left == 0 and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*arguments, **options)
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    for holder, name in ((os, "fsync"), (os, "open"), (Path, "rename")):
        setattr(holder, name, counted(getattr(holder, name)))


def _begin_once(directory: Path, begun: Path, run: str) -> None:
    store = Requests(directory)
    store.open()
    waiting = numbered(1)
    store.add(waiting, NOW)
    store.put(approved(waiting), waiting)
    _use(store, begun, run)


def _use(store: Requests, begun: Path, run: str) -> None:
    given = store.find("last", NOW)
    store.put(used(given, run), given)
    with begun.open("a") as file:
        file.write(f"{run}\n")

"""Root's half of the rotation of HQ's tunnel key: whoever dies, and whenever, the tunnel's key is one that holds."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.hub.errors import BadHubKey, StepFailed
from noc.hub.hubkey import Choice, HubKey, Trial, choose, ensure_next_key
from noc.mesh.hubkey import Asked, Told, read_asked, write
from noc.mesh.keys import generate, public_from_private

CURRENT, NEXT = generate(), generate()


class Desk:
    """HQ's credentials, and the runner that asks."""

    def __init__(self, tmp_path: Path) -> None:
        self.credentials, self.asked, self.told = tmp_path, tmp_path / "asked.json", tmp_path / "told.json"
        self.write("hub_wg_key", CURRENT[0])
        self.write("hub_wg_key.next", NEXT[0])
        self.start()

    def write(self, name: str, key: str) -> None:
        (self.credentials / name).write_text(key + "\n")

    def start(self) -> None:
        """The service starts, or starts anew."""
        self.root = HubKey(self.credentials, self.asked, self.told)

    def ask(self, trial: str = "r1", *, key: str = NEXT[1], keep: bool = False) -> None:
        self.asked.write_text(Asked(key=key, trial=trial, within_s=60, keep=keep).model_dump_json())

    def said(self) -> dict[str, str | None]:
        said: dict[str, str | None] = json.loads(self.told.read_text())
        return said


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_unasked_the_tunnel_has_hqs_key(desk: Desk) -> None:
    assert desk.root.look(0) == CURRENT[0]
    assert desk.said() == {"in_use": CURRENT[1], "current": CURRENT[1], "next": NEXT[1]}


def test_no_private_half_is_told(desk: Desk) -> None:
    desk.ask()
    desk.root.look(0)
    assert not any(private in desk.told.read_text() for private, _ in (CURRENT, NEXT))


def test_a_trial_ends_by_itself_and_is_not_begun_again(desk: Desk) -> None:
    desk.ask()
    assert [desk.root.look(now) for now in (0, 59, 61, 62)] == [NEXT[0], NEXT[0], CURRENT[0], CURRENT[0]]
    desk.ask("r2")
    assert desk.root.look(63) == NEXT[0]


def test_what_is_no_longer_asked_for_goes_back_at_once(desk: Desk) -> None:
    desk.ask()
    desk.root.look(0)
    desk.asked.unlink()
    assert desk.root.look(1) == CURRENT[0]


def test_a_trial_does_not_outlive_a_power_cut(desk: Desk) -> None:
    desk.ask()
    assert desk.root.look(0) == NEXT[0]
    desk.start()
    assert desk.root.look(1) == CURRENT[0]


def test_what_is_kept_is_on_the_disk(desk: Desk) -> None:
    desk.ask()
    desk.root.look(0)
    desk.ask(keep=True)
    assert desk.root.look(1) == NEXT[0]
    assert (desk.credentials / "hub_wg_key").read_text() == NEXT[0] + "\n"
    assert (desk.credentials / "hub_wg_key").stat().st_mode & 0o777 == 0o600
    assert desk.said() == {"in_use": NEXT[1], "current": NEXT[1], "next": None}


def test_a_power_cut_between_the_word_and_the_deed_loses_neither(desk: Desk) -> None:
    desk.ask(keep=True)
    desk.start()
    assert desk.root.look(0) == NEXT[0]
    desk.start()
    assert desk.root.look(1) == NEXT[0]


def test_a_power_cut_after_the_new_key_was_written_and_before_its_place_was_cleared(desk: Desk) -> None:
    desk.ask(keep=True)
    desk.write("hub_wg_key", NEXT[0])
    desk.start()
    assert desk.root.look(0) == NEXT[0]
    assert not (desk.credentials / "hub_wg_key.next").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"key": "x"}', "x" * 100_000])
def test_whatever_makes_no_sense_asks_for_nothing(desk: Desk, text: str) -> None:
    desk.asked.write_text(text)
    assert desk.root.look(0) == CURRENT[0]


def test_the_runner_cannot_have_a_key_of_its_own(desk: Desk) -> None:
    desk.ask(key=generate()[1], keep=True)
    assert desk.root.look(0) == CURRENT[0]
    assert (desk.credentials / "hub_wg_key").read_text() == CURRENT[0] + "\n"


@pytest.mark.parametrize("within_s", [0, -1, 1e9, float("inf")])
def test_a_trial_without_end_is_none(desk: Desk, within_s: float) -> None:
    desk.asked.write_text(json.dumps({"key": NEXT[1], "trial": "r", "within_s": within_s}))
    assert read_asked(desk.asked) is None


def test_without_a_key_of_its_own_hq_says_so(desk: Desk) -> None:
    desk.write("hub_wg_key", "no key")
    with pytest.raises(BadHubKey):
        desk.root.look(0)


def test_the_next_key_is_made_once_and_read_by_root_alone(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    with pytest.raises(StepFailed):
        ensure_next_key(tmp_path, told, within_s=0)
    path = tmp_path / "hub_wg_key.next"
    assert path.stat().st_mode & 0o777 == 0o600
    key = path.read_text()
    public = public_from_private(key.strip())
    write(told, Told(in_use=CURRENT[1], current=CURRENT[1], next=public))
    assert ensure_next_key(tmp_path, told, within_s=0) == []
    assert path.read_text() == key


Requests = st.builds(
    Asked,
    key=st.sampled_from([CURRENT[1], NEXT[1]]),
    trial=st.sampled_from(["r1", "r2"]),
    within_s=st.floats(1, 120),
    keep=st.booleans(),
)


@given(st.lists(st.tuples(st.none() | Requests, st.floats(0, 100))))
def test_only_a_word_to_keep_lets_the_next_key_stand_longer_than_a_trial(
    story: list[tuple[Asked | None, float]],
) -> None:
    now, trial = 0.0, None
    begun: dict[str, float] = {}
    for asked, passed in story:
        now += passed
        choice = choose(asked, NEXT[1], trial, now)
        if choice.trial is not None and choice.trial != trial:
            begun[choice.trial.name] = now
        trial = choice.trial
        if choice.next and not choice.keep:
            assert asked is not None
            assert now - begun[asked.trial] < 120


def test_a_key_that_is_not_there_is_not_chosen() -> None:
    asked = Asked(key=NEXT[1], trial="r", within_s=1, keep=True)
    assert choose(asked, None, Trial("r", 5), 1) == Choice(next=False, trial=Trial("r", 5))

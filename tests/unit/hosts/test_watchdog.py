"""The tunnel's watchdog: what it decides at each look, and what the firewall holds after it has acted."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.load import load
from noc.hosts.firewall import node_rules
from noc.hosts.node import watchdog
from noc.hosts.node.watchdog import (
    Counters,
    Decision,
    Memory,
    Settings,
    Watchdog,
    decide,
    heard,
    load_memory,
    read_settings,
    rules,
    save_memory,
)
from noc.hosts.units import watchdog_settings

ROOT = Path(__file__).parents[3]
SETTINGS = Settings(
    "192.0.2.1:51820", fallback="noc.example.com", rescue=("192.0.2.1",), fallback_after=600, rescue_after=7200
)
SILENT = Counters(("1700000000",), 1000)


def after(silent_s: float, settings: Settings = SETTINGS, turn: int = -1) -> Decision:
    """What is decided at one look after so long a silence."""
    return decide(Memory(SILENT, 50, turn), SILENT, 50 + silent_s, settings)[1]


@pytest.mark.parametrize(
    ("silent_s", "turn", "attempt", "opened"),
    [
        (0, -1, "", False),
        (599, -1, "", False),
        (600, -1, "fallback", False),
        (630, 0, "", False),
        (660, 0, "endpoint", False),
        (720, 1, "fallback", False),
        (7199, 109, "", False),
        (7200, 109, "fallback", True),
        (90_060, 1490, "endpoint", True),
    ],
)
def test_a_silence_leads_to_the_other_endpoint_and_later_to_an_open_door(
    silent_s: float, turn: int, attempt: str, opened: bool
) -> None:
    decision = after(silent_s, turn=turn)
    assert (decision.attempt, decision.open) == (attempt, opened)


@pytest.mark.parametrize(
    ("now", "alive"),
    [
        (Counters(("1700000120",), 1000), True),
        (Counters(("1699990000",), 1000), True),  # the clock was set back: still another handshake
        (Counters(("1700000000",), 1001), True),
        (Counters(("1700000000",), 1000), False),
        (Counters(("0",), 0), False),  # the tunnel was started anew, and nobody answered
    ],
)
def test_a_sign_of_life_is_another_handshake_or_more_genuine_bytes(now: Counters, alive: bool) -> None:
    assert heard(SILENT, now) is alive


def test_the_first_look_after_the_machine_started_begins_the_count() -> None:
    memory, decision = decide(None, SILENT, 90_000, SETTINGS)
    assert (memory.alive_at, decision.open) == (90_000, False)


def test_without_a_fallback_no_endpoint_is_touched() -> None:
    assert after(90_000, SETTINGS._replace(fallback=None)).attempt == ""


def test_without_rescue_addresses_nothing_opens() -> None:
    assert not after(90_000, SETTINGS._replace(rescue=())).open


Looks = st.lists(st.tuples(st.floats(0.1, 5000), st.booleans(), st.booleans()), max_size=60)


@given(Looks)
def test_it_never_opens_before_its_time_and_always_closes_at_a_sign_of_life(
    looks: list[tuple[float, bool, bool]],
) -> None:
    now = heard_at = 0.0
    counters = Counters(("1",))
    memory, _ = decide(None, counters, now, SETTINGS)
    for number, (passed, alive, restarted) in enumerate(looks, 2):
        now += passed
        if alive:
            heard_at, counters = now, Counters((str(number),))
        elif restarted:
            counters = Counters(("0",))
        memory, decision = decide(memory, counters, now, SETTINGS)
        assert decision.open == (now - heard_at >= SETTINGS.rescue_after)


def test_a_tunnel_that_is_out_of_sight_for_one_look_is_no_sign_of_life() -> None:
    unseen, _ = decide(Memory(SILENT, 50), None, 7000, SETTINGS)
    assert decide(unseen, SILENT, 7300, SETTINGS)[1].open


def test_what_was_seen_outlives_the_program_and_nothing_else(tmp_path: Path) -> None:
    memory = Memory(SILENT, 12.5, 3)
    save_memory(tmp_path / "state.json", memory)
    assert load_memory(tmp_path / "state.json") == memory


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"handshakes": 1}'])
def test_a_damaged_memory_begins_the_count_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert load_memory(tmp_path / "state.json") is None


def test_what_hq_renders_is_what_the_watchdog_reads(tmp_path: Path) -> None:
    fleet = load(ROOT / "fleet")
    (tmp_path / "watchdog.json").write_text(watchdog_settings(fleet))
    read = read_settings(tmp_path / "watchdog.json")
    assert read == Settings(
        f"{fleet.hub.address}:{fleet.tunnel.port}",
        fleet.hub.fallback,
        [str(address) for address in fleet.hub.rescue],
        fleet.rescue.fallback_after,
        fleet.rescue.rescue_after,
    )


@pytest.mark.parametrize("wrong", [{"endpoint": "a", "rescue": ["1.2.3.4; drop"]}, {"unknown": 1}, {}])
def test_settings_that_make_no_sense_are_not_followed(tmp_path: Path, wrong: dict[str, object]) -> None:
    (tmp_path / "watchdog.json").write_text(json.dumps(wrong))
    with pytest.raises((ValueError, TypeError)):
        read_settings(tmp_path / "watchdog.json")


class Commands:
    """Takes down what would be run."""

    def __init__(self) -> None:
        self.run: list[tuple[Sequence[str], str]] = []

    def __call__(self, argv: Sequence[str], given: str) -> None:
        self.run.append((argv, given))


def test_a_quiet_watchdog_runs_nothing() -> None:
    commands = Commands()
    Watchdog(SETTINGS, "noc", commands).act(Decision(30))
    assert commands.run == []


def test_the_endpoint_that_is_tried_is_where_the_name_leads_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "peers", lambda: ["KEY"])
    commands = Commands()
    Watchdog(SETTINGS._replace(fallback="localhost"), "noc", commands).act(Decision(600, "fallback"))
    assert commands.run == [(["wg", "set", "wg0", "peer", "KEY", "endpoint", "127.0.0.1:51820"], "")]


def test_each_endpoint_that_is_tried_is_told_once_a_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watchdog, "peers", lambda: ["KEY"])
    dog = Watchdog(SETTINGS._replace(fallback="localhost"), "noc", Commands())
    silence = [
        Decision(600, "fallback"),
        Decision(660, "endpoint"),
        Decision(720, "fallback"),
        Decision(780, "endpoint"),
    ]
    for decision in (*silence, Decision(0), silence[0]):
        dog.act(decision)
    assert [line.split(" at ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "127.0.0.1:51820 (localhost)",
        "192.0.2.1:51820 (as configured)",
        "127.0.0.1:51820 (localhost)",
    ]


def test_a_name_that_cannot_be_resolved_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    dog = Watchdog(SETTINGS._replace(fallback="x..invalid"), "noc", Commands())
    for _ in range(3):
        dog.act(Decision(600, "fallback"))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_door_is_shut_once_hq_is_heard_again(capsys: pytest.CaptureFixture[str]) -> None:
    commands = Commands()
    dog = Watchdog(SETTINGS, "noc", commands)
    dog.act(Decision(7200, open=True))
    dog.act(Decision(0))
    dog.act(Decision(15))
    assert [given for _, given in commands.run] == [
        "flush set inet noc rescue\nadd element inet noc rescue { 192.0.2.1 timeout 60s }\n",
        "flush set inet noc rescue\n",
    ]
    assert capsys.readouterr().err.splitlines() == [
        "HQ was not heard for 7200 s: 22 is open to 192.0.2.1",
        "HQ is heard again: 22 is shut",
    ]


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="nft needs root to change rules")
def test_nftables_fills_renews_and_empties_the_set(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text(node_rules())
    for name, text in {"open": rules("noc", ["192.0.2.1", "192.0.2.2"], 60), "shut": rules("noc", [], 60)}.items():
        (tmp_path / name).write_text(text)
    script = """
    nft -f rules; nft -f open; nft -f open; nft list set inet noc rescue | grep -c 'timeout 1m expires'
    nft -f shut; nft list set inet noc rescue | grep -c elements || true
    """
    argv = ["unshare", "--net", "sh", "-ec", script]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.split() == ["1", "0"], done.stderr

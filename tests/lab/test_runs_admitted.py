"""Who may begin, who may go on, and who is kept out: controllers, people and releases, on HQ and on real nodes."""

import json
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fleet_kit import NODES, Fleet, rows, wait_for

ACTIVATOR = "python3 -I -S /usr/local/lib/noc-node/activator.py"
LIFE_S = 25
FREEZE = """
[[freeze]]
from = "{start:%Y-%m-%d %H:%M}"
until = "{end:%Y-%m-%d %H:%M}"
zone = "Europe/Zurich"
reason = "nobody is at work"
"""


def verdicts(document: dict[str, Any]) -> list[str]:
    return [row["verdict"] for row in document["nodes"]]


@pytest.fixture(scope="module")
def people(fleet: Fleet) -> None:
    """Logins on HQ: johan approves, james operates."""
    for login in ("johan", "james"):
        fleet.hq.sh("useradd", "--create-home", "--groups", "noc,noc-operators", login)


@dataclass(frozen=True)
class ShortLived:
    """A release and when it has expired, by this machine's monotonic clock."""

    release: str
    expires: float


@pytest.fixture(scope="module", autouse=True)
def short_lived(fleet: Fleet) -> ShortLived:
    """A release that singapore has proven, then left for a newer one; it expires while other tests run."""
    release = fleet.release(days=LIFE_S / 86400)
    expires = time.monotonic() + LIFE_S + 1
    assert verdicts(fleet.hq.noc("deploy", "singapore", release)) == ["confirmed"]
    assert verdicts(fleet.hq.noc("deploy", "singapore", fleet.release())) == ["confirmed"]
    return ShortLived(release, expires)


class TestControllers:
    """Two runners over one fleet."""

    def test_a_second_one_is_told_who_acts_and_spoils_nothing(self, fleet: Fleet) -> None:
        release = fleet.release()
        with fleet.deploying("virginia", "london", release) as command:
            fleet.sees(command, "activate")
            with fleet.second_runner() as door:
                refused = fleet.noc_as("root", "deploy", "frankfurt", release, statuses=(7,), door=door)
            assert {row["verdict"] for row in rows(command).values()} == {"confirmed"}
        assert refused["error"]["code"] == "NOC-E503"
        assert fleet.journal()[0]["run"] in refused["error"]["why"]
        assert fleet.hq.noc("audit", "verify")["problems"] == []
        assert fleet.starts("frankfurt", fleet.now("frankfurt") - 5) == 0

    def test_one_that_slept_through_its_lease_is_replaced_and_refused_when_it_wakes(self, fleet: Fleet) -> None:
        release = fleet.release()
        with (
            fleet.edited("lease_ttl = 30", "lease_ttl = 4"),
            fleet.second_runner() as door,
            fleet.ambush("activate", "ok", "virginia", signal.SIGSTOP) as asleep,
            fleet.deploying("virginia", "london", release) as command,
        ):
            try:
                asleep()
                run = fleet.hq_newest_run()
                wait_for(lambda: fleet.noc_as("root", "lease", door=door)["standing"] == "expired")
                resumed = fleet.noc_as("root", "run", "resume", run, door=door)
            finally:
                fleet.hq.sh("systemctl", "kill", "-s", "CONT", "noc-runner")
            command.communicate(timeout=60)
        assert verdicts(resumed) == ["confirmed", "confirmed"]
        assert command.returncode != 0
        events = fleet.journal(run)
        fences = [event["detail"]["fence"] for event in events if "fence" in event["detail"]]
        assert fences == sorted(set(fences))
        assert len(fences) == 2
        assert events[-1]["detail"]["exit"] == 0
        for node in ("virginia", "london"):
            assert fleet.activations(node, run) == ["confirmed"]
            late = fleet.lab.exec(node, "sh", "-c", f"{ACTIVATOR} arm {fleet.first} --run late --fence {fences[0]}"
                                  " --confirm-within 9")  # fmt: skip
            assert json.loads(late.stdout)["code"] == "fence"
            assert fleet.runs_proven(node, release)
        assert fleet.hq.noc("audit", "verify")["problems"] == []

    def test_fence_numbers_below_those_of_a_node_are_refused_until_a_person_raises_them(self, fleet: Fleet) -> None:
        release = fleet.release()
        fleet.on("london", f"{ACTIVATOR} fence 100000")
        refused = fleet.hq.noc("deploy", "london", release, statuses=(1,))
        assert "fence 100000" in refused["error"]["why"]
        fleet.hq.noc("lease", "--above", "100000")
        assert verdicts(fleet.hq.noc("deploy", "london", release)) == ["confirmed"]


class TestReleases:
    """What a node takes, and what it never takes."""

    def test_an_expired_release_returns_where_it_was_proven_and_goes_nowhere_else(
        self, fleet: Fleet, short_lived: "ShortLived"
    ) -> None:
        short = short_lived.release
        time.sleep(max(0, short_lived.expires - time.monotonic()))
        refused = fleet.hq.noc("deploy", "london", short, statuses=(1, 7))
        assert "expired" in json.dumps(refused["error"])
        assert verdicts(fleet.hq.noc("rollback", "singapore")) == ["confirmed"]
        assert fleet.runs_proven("singapore", short)
        # The node itself says the same, whatever HQ believes.
        fleet.on("london", f"mkdir -p /opt/clavitor/releases/{short}")
        for name in ("clavitor.pyz", "manifest.json", "manifest.json.sig"):
            path = f"opt/clavitor/releases/{short}/{name}"
            (fleet.lab.disk("london") / path).write_bytes((fleet.lab.disk("singapore") / path).read_bytes())
        said = fleet.lab.exec("london", "sh", "-c", f"{ACTIVATOR} verify {short}")
        assert json.loads(said.stdout)["code"] == "expired"

    def test_a_build_below_the_proven_one_is_refused_by_hq_and_by_the_node(self, fleet: Fleet) -> None:
        older, newer = fleet.release(), fleet.release()
        assert verdicts(fleet.hq.noc("deploy", "london", newer)) == ["confirmed"]
        refused = fleet.hq.noc("deploy", "london", older, statuses=(1, 7))
        assert "is not above" in refused["error"]["why"]
        source = f"var/lib/noc/releases/{older}"
        fleet.on("london", f"mkdir -p /opt/clavitor/releases/{older}")
        for name in ("clavitor.pyz", "manifest.json", "manifest.json.sig"):
            content = (fleet.lab.disk("zurich") / source / name).read_bytes()
            (fleet.lab.disk("london") / f"opt/clavitor/releases/{older}" / name).write_bytes(content)
        said = fleet.lab.exec("london", "sh", "-c", f"{ACTIVATOR} verify {older}")
        assert json.loads(said.stdout)["code"] == "old"


class TestPeople:
    """Agreement, freezes, halts and Ctrl-C."""

    @pytest.mark.usefixtures("people")
    def test_a_plan_begins_when_another_person_agrees_by_its_phrase_and_only_once(self, fleet: Fleet) -> None:
        release = fleet.release()
        with fleet.edited("[budget]", '[approval]\nlow = "another"\n\n[budget]'):
            argv = fleet.lab.console("zurich", "runuser", "-u", "james", "--", "noc", "deploy", "virginia", release)
            with fleet.started(argv) as asking:
                wait_for(lambda: bool(fleet.hq.noc("pending")["requests"]))
                (request,) = fleet.hq.noc("pending")["requests"]
                words = request["phrase"].split()
                own = fleet.noc_as("james", "approve", *words, "--yes", statuses=(5,))
                given = fleet.noc_as("johan", "approve", *words, "--yes")
                asking.communicate(timeout=60)
            again = fleet.noc_as("johan", "approve", *words, "--yes", statuses=(7,))
        assert own["error"]["code"] == "NOC-E530"
        assert verdicts(given) == ["confirmed"]
        assert asking.returncode == 0
        assert again["error"]["code"] == "NOC-E533"
        first = fleet.journal(given["run"])[0]["detail"]
        assert (first["by"], first["approved_by"]) == ("james", "johan")
        assert fleet.hq.noc("audit", "verify")["problems"] == []

    def test_in_a_freeze_nothing_begins_but_a_rollback(self, fleet: Fleet) -> None:
        release, now = fleet.release(), datetime.now(UTC)
        window = FREEZE.format(start=now - timedelta(days=2), end=now + timedelta(days=2))
        with fleet.edited("[budget]", window + "\n[budget]"):
            refused = fleet.hq.noc("deploy", "virginia", release, statuses=(7,))
            assert "nobody is at work" in refused["error"]["what"] + refused["error"]["why"]
            assert verdicts(fleet.hq.noc("rollback", "virginia")) == ["confirmed"]

    def test_a_run_that_is_stopped_or_halted_turns_back_the_node_in_hand_and_goes_on_when_it_may(
        self, fleet: Fleet
    ) -> None:
        release = fleet.release()
        with fleet.deploying("all", release) as command:
            fleet.sees(command, "soak")
            fleet.lab.exec("zurich", "sh", "-c", "kill -INT $(pgrep -f 'noc deploy')")
            stopped = rows(command)
        assert command.returncode == 130
        assert [stopped[node]["verdict"] for node in NODES] == ["halted", *["untouched"] * 3]
        assert fleet.hq.noc("lease")["lease"] is None
        with fleet.under_way("run", "resume", "last") as command:
            fleet.sees_after(command, "confirm", "soak")
            halted = fleet.hq.noc("halt", "--reason", "the phones ring")
            found = rows(command)
        assert halted["run"] == fleet.hq_newest_run()
        assert [found[node]["verdict"] for node in NODES] == ["confirmed", "halted", "untouched", "untouched"]
        refused = fleet.hq.noc("deploy", "singapore", release, statuses=(7,))
        assert "the phones ring" in json.dumps(refused)
        fleet.hq.noc("halt", "--lift")
        assert verdicts(fleet.hq.noc("run", "resume", "last")) == ["confirmed"] * 4
        for node in NODES:
            assert fleet.runs_proven(node, release)

"""The weekly system as a rollout: packages from the lab's archive, node after proven node, and every way back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_kit import Fleet, in_hand, rows, wait_for
from lab_packages import build, install
from noc.runs.review.windows import overlapping

PAIR = ("virginia", "london")
CANARY = "noc-lab-canary"
KERNEL = "linux-image-noc-lab"
BREAKS_THE_SERVICE = {
    "/usr/lib/systemd/system/clavitor.service.d/canary.conf": "[Service]\nExecStart=\nExecStart=/bin/false\n"
}
# It ends by itself: who starts a command at a machine's console cannot end what that has started there.
HOLD = """
import fcntl, os, time
with open("/var/lib/dpkg/lock-frontend", "r+") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    end = time.monotonic() + 60
    while os.path.exists("/run/noc-lab-hold") and time.monotonic() < end:
        time.sleep(0.05)
"""
BROKEN = """
cd /tmp; mkdir -p broken/DEBIAN
printf 'Package: noc-lab-broken\\nVersion: 1\\nArchitecture: all\\n' >broken/DEBIAN/control
printf 'Maintainer: lab <lab@example.com>\\nDepends: noc-lab-absent\\nDescription: broken\\n' >>broken/DEBIAN/control
dpkg-deb --build broken broken.deb
"""
WAITS = "if [ -e /run/noc-lab-waits ]; then touch /var/tmp/noc-lab-waiting; sleep 120; fi"


class Archive:
    """What the lab's archive offers, and what the two nodes have of it."""

    def __init__(self, fleet: Fleet, work: Path) -> None:
        self._fleet, self._work = fleet, work

    def offers(self, *packages: Path) -> None:
        self._fleet.lab.offer(*packages)

    def canary(self, version: str, **more: Any) -> Path:
        files = {
            "/usr/share/noc-lab-canary": version,
            "/etc/noc-lab-canary.conf": f"{version}\n",
            **more.pop("files", {}),
        }
        return build(self._work, CANARY, version, files, **more)

    def package(self, name: str, version: str) -> Path:
        return build(self._work, name, version, {f"/usr/share/{name}": version})

    def has(self, node: str) -> dict[str, str]:
        """The lab's packages on a node, and whether each is whole; what is shared and configured says the same."""
        said = self._fleet.on(node, "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' '*noc-lab*'")
        found = dict(line.split(" ")[:2] for line in said.splitlines() if line.endswith(" installed"))
        shown = self._fleet.on(node, "cat /usr/share/noc-lab-canary; echo; cat /etc/noc-lab-canary.conf").split()
        assert shown == [found[CANARY]] * 2
        assert self._fleet.on(node, "dpkg --audit") == ""
        return found


@pytest.fixture
def archive(fleet: Fleet, tmp_path: Path) -> Iterator[Archive]:
    """Two nodes with the first version of the canary, which no archive has."""
    made = Archive(fleet, tmp_path)
    for node in PAIR:
        install(fleet.lab, node, made.canary("1.0"))
    yield made
    made.offers()
    for node in PAIR:
        fleet.on(node, f"dpkg --purge {CANARY} {KERNEL} noc-lab-friend; systemctl daemon-reload")


def planned(fleet: Fleet, *nodes: str, status: int) -> dict[str, Any]:
    document = fleet.hq.noc("deploy", *(nodes or PAIR), "--system", "--plan", statuses=(status,))
    return {row["node"]: row for row in document["rows"]}


def updated(fleet: Fleet, *options: str, status: int = 0) -> tuple[str, dict[str, Any]]:
    document = fleet.hq.noc("deploy", *PAIR, "--system", *options, statuses=(status,))
    return document["run"], {row["node"]: row for row in document["nodes"]}


def test_a_system_that_is_up_to_date_has_nothing_to_do(fleet: Fleet, archive: Archive) -> None:
    assert {row["state"] for row in planned(fleet, status=0).values()} == {"unchanged"}


def test_an_update_goes_from_node_to_node_as_it_was_planned(fleet: Fleet, archive: Archive) -> None:
    for node in PAIR:
        install(fleet.lab, node, archive.package(KERNEL, "6.1"))
    friend, kernel = archive.package("noc-lab-friend", "0.1"), archive.package(KERNEL, "6.2")
    archive.offers(archive.canary("2.0", depends="noc-lab-friend"), friend, kernel)
    for row in planned(fleet, status=3).values():
        changes = {package["name"]: (package["old"], package["new"]) for package in row["packages"]}
        assert changes == {CANARY: ("1.0", "2.0"), "noc-lab-friend": (None, "0.1"), KERNEL: ("6.1", "6.2")}
        assert (row["reboot"], row["download"] > 0) == ([KERNEL], True)
    before = {node: fleet.serves(node)["boot_id"] for node in PAIR}
    run, found = updated(fleet)
    assert {(row["verdict"], row["why"]) for row in found.values()} == {("confirmed", f"needs a reboot: {KERNEL}")}
    assert overlapping(in_hand(fleet.journal(run))) == ""
    for node in PAIR:
        assert archive.has(node) == {CANARY: "2.0", "noc-lab-friend": "0.1", KERNEL: "6.2"}
        assert fleet.on(
            node, "apt-mark showauto | grep -x noc-lab-friend; apt-mark showmanual | grep -x noc-lab-canary"
        )
        assert fleet.serves(node)["boot_id"] != before[node]
    assert {row["state"] for row in planned(fleet, status=0).values()} == {"unchanged"}


def test_packages_and_a_release_come_in_one_activation(fleet: Fleet, archive: Archive) -> None:
    archive.offers(archive.canary("2.0"))
    release = fleet.release()
    document = fleet.hq.noc("deploy", "virginia", "--system", release)
    assert [row["verdict"] for row in document["nodes"]] == ["confirmed"]
    assert archive.has("virginia") == {CANARY: "2.0"}
    assert fleet.runs_proven("virginia", release)


def test_a_version_that_breaks_the_service_goes_back_and_no_further(fleet: Fleet, archive: Archive) -> None:
    archive.offers(archive.canary("2.0", files=BREAKS_THE_SERVICE))
    _, found = updated(fleet, status=1)
    assert [found[node]["verdict"] for node in PAIR] == ["rolled-back", "untouched"]
    for node in PAIR:
        assert archive.has(node) == {CANARY: "1.0"}
        assert fleet.runs_proven(node)


def test_a_script_that_fails_goes_back_with_its_words_and_so_does_the_fleet_where_that_is_wanted(
    fleet: Fleet, archive: Archive
) -> None:
    archive.offers(archive.canary("2.0", postinst='[ "$(cat /etc/hostname)" != london ] || { echo no; exit 7; }'))
    _, found = updated(fleet, "--on-failure", "rollback-fleet", status=1)
    assert [found[node]["verdict"] for node in PAIR] == ["turned-back", "rolled-back"]
    assert "exit status 7" in found["london"]["why"]
    for node in PAIR:
        assert archive.has(node) == {CANARY: "1.0"}
        assert fleet.runs_proven(node)


def test_a_power_cut_in_the_middle_of_dpkg_is_settled_at_boot(fleet: Fleet, archive: Archive) -> None:
    archive.offers(archive.canary("2.0", postinst=WAITS))
    fleet.on("virginia", "touch /run/noc-lab-waits; rm -f /var/tmp/noc-lab-waiting")
    with fleet.deploying("virginia", "--system") as command:
        wait_for((fleet.lab.disk("virginia") / "var/tmp/noc-lab-waiting").exists)
        fleet.lab.kill("virginia")
        fleet.lab.boot("virginia")
        found = rows(command)
    assert found["virginia"]["verdict"] == "rolled-back"
    assert archive.has("virginia") == {CANARY: "1.0"}
    assert fleet.runs_proven("virginia")


@pytest.mark.parametrize(
    ("trouble", "mended", "words"),
    [
        (f"apt-mark hold {CANARY}", f"apt-mark unhold {CANARY}", f"{CANARY} is held"),
        (
            "echo 'deb http://apt.lab/nothing ./' >/etc/apt/sources.list.d/noc-lab.list",
            "rm /etc/apt/sources.list.d/noc-lab.list",
            "the archive cannot be asked",
        ),
        (
            f"{BROKEN} dpkg --force-depends --install broken.deb",
            "dpkg --purge noc-lab-broken",
            "packages lack what they depend on",
        ),
        (f"{BROKEN} dpkg --unpack broken.deb", "dpkg --purge noc-lab-broken", "dpkg was interrupted"),
        (
            "dpkg-divert --local --rename --add /usr/share/noc-lab-canary",
            "dpkg-divert --local --rename --remove /usr/share/noc-lab-canary",
            f"{CANARY} 1.0 could not be brought back",
        ),
    ],
    ids=("held", "sources", "dependencies", "interrupted", "diverted"),
)
def test_a_plan_names_what_keeps_a_node_from_its_update(
    fleet: Fleet, archive: Archive, trouble: str, mended: str, words: str
) -> None:
    archive.offers(archive.canary("2.0"))
    fleet.on("virginia", trouble)
    try:
        row = planned(fleet, "virginia", status=1)["virginia"]
    finally:
        fleet.on("virginia", mended)
    assert row["state"] == "blocked"
    assert words in " ".join(row["problems"])
    assert planned(fleet, "virginia", status=3)["virginia"]["state"] == "change"


def test_a_lock_that_somebody_holds_is_named(fleet: Fleet, archive: Archive) -> None:
    archive.offers(archive.canary("2.0"))
    fleet.on("virginia", "touch /run/noc-lab-hold")
    with fleet.started(fleet.lab.console("virginia", "python3", "-c", HOLD)) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            row = planned(fleet, "virginia", status=1)["virginia"]
        finally:
            fleet.on("virginia", "rm /run/noc-lab-hold")
            holder.wait(70)
    assert "apt is at work here" in " ".join(row["problems"])

"""HQ does by itself what its fleet file says: timers of systemd, the runner's door, and the watch that is told."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from fleet_kit import FLEET_FILE, Fleet, wait_for

SECOND = "/srv/second"
SCHEDULE = f"""
[[schedule]]
job = "certificates"
cron = "* * * * *"
within = 5

[[schedule]]
job = "backup"
cron = "40 3 13 * fri"
zone = "UTC"

[[schedule]]
job = "briefing"
cron = "30 7 13 * fri"

[[schedule]]
job = "audit-head"
cron = "0 4 13 * fri"

[backup.second]
path = "{SECOND}"
"""


@pytest.fixture(scope="module")
def scheduled(half_fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with two jobs; without them again afterwards, and without their units."""
    text = half_fleet.hq.sh("cat", FLEET_FILE)
    half_fleet.hq.sh("mkdir", "-p", "-m", "0700", SECOND)
    half_fleet.write_file(f"{text}\n{SCHEDULE}")
    report = half_fleet.hq.noc("hub", "apply")
    changed = [change for step in report["steps"] if step["step"] == "schedule" for change in step["changed"]]
    assert "noc-job-certificates.timer started" in changed
    yield half_fleet
    half_fleet.write_file(text)
    half_fleet.hq.noc("hub", "apply")
    half_fleet.hq.sh("rm", "-r", SECOND)
    assert half_fleet.hq.sh("sh", "-c", "ls /etc/systemd/system | grep noc-job || true") == ""


def job(fleet: Fleet, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in fleet.hq.noc("schedule")["jobs"] if each["job"] == name)
    return found


def test_applying_the_same_file_again_changes_nothing(scheduled: Fleet) -> None:
    assert scheduled.hq.noc("hub", "apply")["changed"] is False


def test_a_fleet_file_with_mistakes_is_refused_before_anything(scheduled: Fleet) -> None:
    text = scheduled.hq.sh("cat", FLEET_FILE)
    scheduled.write_file(text.replace("40 3 13 * fri", "61 3 13 * fri"))
    try:
        error = scheduled.hq.noc("hub", "apply", statuses=(6,))["error"]
    finally:
        scheduled.write_file(text)
    assert "is no minute" in json.dumps(error)
    timer = scheduled.hq.sh("cat", "/etc/systemd/system/noc-job-backup.timer")
    assert [line for line in timer.splitlines() if line.startswith("OnCalendar")] == [
        "OnCalendar=*-*-13 03:40:00 UTC",
        "OnCalendar=Fri *-*-* 03:40:00 UTC",
    ]


def test_a_job_is_begun_by_its_timer_and_the_watch_knows_how_it_went(scheduled: Fleet) -> None:
    def done() -> bool:
        return job(scheduled, "certificates")["state"] in {"ok", "failed"}

    wait_for(done, deadline_s=200, every_s=1)
    found = job(scheduled, "certificates")
    live = sum(node["life"] == "live" for node in scheduled.hq.noc("nodes")["nodes"])
    assert (found["state"], f"{live} nodes' certificates hold" in found["words"]) == ("ok", True), found


def test_the_backup_is_a_run_under_the_word_of_the_fleet_file(scheduled: Fleet) -> None:
    scheduled.hq.sh("systemctl", "start", "noc-job-backup.service", timeout_s=300)
    found = job(scheduled, "backup")
    assert found["state"] == "ok", (found, scheduled.hq.sh("journalctl", "-u", "noc-job-backup", "-n", "20"))
    first = scheduled.journal(found["run"])[0]["detail"]
    assert (first["by"], first["job"], first["approved_by"]) == (
        "noc-runner",
        "backup",
        "[[schedule]] of fleet.toml",
    )


def test_a_halt_is_no_silence_for_a_job(scheduled: Fleet) -> None:
    scheduled.hq.noc("halt")
    try:
        outcome = scheduled.hq.noc("job", "run", "backup", statuses=(7,))
    finally:
        scheduled.hq.noc("halt", "--lift")
    assert outcome["state"] == "missed"
    assert "halted" in job(scheduled, "backup")["words"]


def test_the_timers_user_may_begin_nothing_else(scheduled: Fleet) -> None:
    for words in (("os-update", "run"), ("halt",), ("prune",)):
        error = scheduled.noc_as("noc-runner", *words, statuses=(5,))["error"]
        assert error["code"] == "NOC-E501"


def test_the_days_briefing_reaches_people_with_the_audits_last_entry(scheduled: Fleet) -> None:
    lab = scheduled.lab

    def entries() -> list[str]:
        told = [message["message"] for message in lab.ntfy_messages(lab.ntfy_topic)]
        return [found[1] for text in told if (found := re.search(r"audit: (\d+:[0-9a-f]{64})", text))]

    before = len(entries())
    scheduled.hq.sh("systemctl", "start", "noc-job-briefing.service", timeout_s=120)
    assert job(scheduled, "briefing")["state"] == "ok"
    wait_for(lambda: len(entries()) > before, deadline_s=60, every_s=0.5)
    assert scheduled.hq.noc("audit", "verify", "--head", entries()[-1])["problems"] == []


def test_the_audits_last_entry_is_noted_in_the_second_place_and_the_audit_is_held_against_it(scheduled: Fleet) -> None:
    scheduled.hq.sh("systemctl", "start", "noc-job-audit-head.service", timeout_s=120)
    assert job(scheduled, "audit-head")["state"] == "ok"
    (name,) = scheduled.hq.sh("ls", SECOND).split()
    verified = scheduled.hq.noc("audit", "verify")
    assert (verified["problems"], verified["held_against"], verified["second_place"]) == ([], 1, "ok")
    other = re.sub(r"[0-9a-f]{64}", "0" * 64, name)
    scheduled.hq.sh("mv", f"{SECOND}/{name}", f"{SECOND}/{other}")
    assert scheduled.hq.noc("audit", "verify", statuses=(1,))["problems"]

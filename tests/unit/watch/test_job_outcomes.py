"""What became of HQ's jobs, as it is put to a running watch, and as people and programs see it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from watch_kit import Server, write_fleet

SCHEDULE = '\n[[schedule]]\njob = "backup"\ncron = "40 3 * * *"\nzone = "UTC"\n'
OK = {
    "state": "ok",
    "began": "2026-03-01T03:40:00Z",
    "ended": "2026-03-01T03:42:00Z",
    "words": "4 nodes",
    "run": "run-7",
}
FAILED = OK | {"state": "failed", "began": "2026-03-02T03:40:00Z", "ended": "2026-03-02T03:41:00Z", "words": "no space"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root and the runner tell of HQ's jobs")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    fleet = write_fleet(tmp_path / "fleet", push_interval=600)
    with (fleet / "fleet.toml").open("a") as file:
        file.write(SCHEDULE)
    with Server(tmp_path, fleet) as server:
        yield server


def put(server: Server, outcome: dict[str, Any], job: str = "backup") -> tuple[int, str]:
    """What the watch answered: status, and the error's code."""
    status, document = server.ask(f"/api/v1/jobs/{job}", "PUT", outcome)
    return status, document["error"]["code"] if document else ""


def backup(server: Server) -> dict[str, Any]:
    [job] = server.ask("/api/v1/jobs")[1]["jobs"]
    assert isinstance(job, dict)
    return job


def test_a_job_whose_time_has_not_come_is_listed_with_its_next_one(server: Server) -> None:
    job = backup(server)
    assert (job["job"], job["state"], job["next"][11:19], job["within_s"]) == ("backup", None, "03:40:00", 3600)


def test_an_outcome_that_is_put_twice_is_one(server: Server) -> None:
    assert [put(server, OK) for _ in range(2)] == [(204, ""), (204, "")]
    assert len(server.events("job")) == 1
    assert (backup(server)["state"], backup(server)["words"], backup(server)["run"]) == ("ok", "4 nodes", "run-7")


def test_a_failure_is_an_incident_that_outlives_the_server_and_ends_with_a_success(server: Server) -> None:
    put(server, FAILED)
    server.stop()
    server.start()
    [incident] = server.incidents()
    assert (incident["node"], incident["topic"], incident["cause"]) == ("zurich", "job/backup", "job")
    assert (incident["ended_at"], backup(server)["incident"]) == (None, incident["id"])
    put(server, OK | {"began": "2026-03-03T03:40:00Z", "ended": "2026-03-03T03:41:00Z"})
    [incident] = server.incidents()
    assert incident["end_reason"] == "done: 4 nodes"


@pytest.mark.parametrize(
    ("outcome", "job", "answer"),
    [
        (OK, "prices", (404, "NOC-E670")),
        (OK | {"ended": None}, "backup", (422, "NOC-E672")),
        (OK | {"state": "running"}, "backup", (422, "NOC-E672")),
        (OK | {"ended": "2026-03-01T03:39:00Z"}, "backup", (422, "NOC-E672")),
        (OK | {"words": "two\nlines"}, "backup", (422, "NOC-E607")),
    ],
)
def test_what_is_no_outcome_is_refused(
    server: Server, outcome: dict[str, Any], job: str, answer: tuple[int, str]
) -> None:
    assert put(server, outcome, job) == answer
    assert backup(server)["state"] is None

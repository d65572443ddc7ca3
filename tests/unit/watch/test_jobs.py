"""The jobs of HQ's schedule before the judge: failed, missed, overdue, and well again."""

from datetime import UTC, datetime

import pytest

from judge_kit import RULES, Stage
from noc.fleet.cron import Cron
from noc.fleet.scheduling import Missed
from noc.watch.judge.jobs import Planned
from noc.watch.judge.scene import Scene
from noc.watch.store.records import Event, JobOutcome, JobState

HUB = "zurich"
MIDNIGHT = round(datetime(2027, 3, 1, tzinfo=UTC).timestamp() * 1000)
HOUR = 3600.0
WITHIN = 600.0
DAILY = Cron.read("0 6 * * *", "UTC")


def staged(missed: Missed = "catch-up") -> Stage:
    """HQ at midnight, with one job at six that may take ten minutes."""
    jobs = {"backup": Planned(DAILY, missed, round(WITHIN * 1000))}
    return Stage(Scene({}, RULES, scopes={HUB: frozenset({HUB})}, hub=HUB, jobs=jobs), epoch=MIDNIGHT)


def told(stage: Stage, state: JobState, *, took: float = 60, words: str = "4 nodes") -> Stage:
    """The job ends now, or begins now where it is running."""
    wall = stage.now.wall
    began, ended = (wall, None) if state == "running" else (wall - round(took * 1000), wall)
    stage.records += stage.judge.job(JobOutcome("backup", state, began, ended, words, "run-1"), stage.now)
    return stage


def saved(stage: Stage) -> JobOutcome:
    return [record for record in stage.records if isinstance(record, JobOutcome)][-1]


def at_six(missed: Missed = "catch-up") -> Stage:
    return staged(missed).wait(6 * HOUR + 60)


def test_a_job_that_ended_well_is_noted_and_opens_nothing() -> None:
    stage = told(at_six(), "ok")
    assert stage.told() == []
    assert saved(stage).good == stage.now.wall
    [event] = [record for record in stage.records if isinstance(record, Event)]
    assert (event.kind, event.detail["state"]) == ("job", "ok")


def test_a_job_that_failed_is_an_incident_of_hq_and_ends_with_the_next_success() -> None:
    stage = told(at_six(), "failed", words="no space")
    assert (stage.incident().node, stage.incident().topic, stage.incident().severity) == (HUB, "job/backup", "SEV2")
    assert stage.incident().detail == "backup failed: no space"
    told(stage.wait(24 * HOUR), "ok")
    assert stage.incident().ended is not None


def test_a_job_that_fails_again_says_the_newer_reason_in_the_same_incident() -> None:
    stage = told(at_six(), "failed", words="no space")
    told(stage.wait(24 * HOUR), "failed", words="no route")
    assert list(stage.incidents()) == [1]
    assert stage.incident().detail == "backup failed: no route"


def test_a_job_of_which_nothing_is_heard_is_overdue_after_its_time() -> None:
    stage = staged().wait(6 * HOUR + WITHIN + 59)
    assert stage.told() == []
    stage.wait(2)
    assert stage.told() == [("opened", HUB)]
    assert "overdue" in stage.incident().detail


def test_a_job_that_does_not_come_to_its_end_is_overdue() -> None:
    stage = told(staged().wait(6 * HOUR), "running").wait(WITHIN + 59)
    assert stage.told() == []
    assert "within 10 min" in stage.wait(2).incident().detail


def test_one_missed_time_is_no_incident_and_a_second_is() -> None:
    stage = told(at_six(), "missed", words="a freeze")
    assert stage.told() == []
    told(stage.wait(24 * HOUR), "missed", words="a freeze")
    assert stage.incident().detail == "backup missed 2 times in a row: a freeze"


def test_a_missed_time_counts_on_through_the_start_of_the_next_one() -> None:
    stage = told(at_six(), "missed").wait(24 * HOUR)
    told(told(stage, "running").wait(60), "missed", took=60)
    assert saved(stage).misses == 2


def test_a_success_between_two_missed_times_makes_the_second_the_first() -> None:
    stage = told(told(at_six(), "missed").wait(HOUR), "ok")
    assert saved(told(stage.wait(24 * HOUR), "missed")).misses == 1


def test_what_is_told_twice_counts_once() -> None:
    stage = told(at_six(), "missed")
    stage.records += stage.judge.job(saved(stage), stage.now)
    assert len([record for record in stage.records if isinstance(record, JobOutcome)]) == 1


def test_the_start_of_a_job_does_not_end_its_incident() -> None:
    stage = told(at_six(), "failed")
    told(stage.wait(24 * HOUR), "running")
    assert stage.incident().ended is None


def test_a_job_that_leaves_the_schedule_takes_its_incident_along() -> None:
    stage = told(at_six(), "failed")
    stage.records += stage.judge.watch(Scene({}, RULES, hub=HUB), stage.now)
    assert stage.incident().end_reason == "the schedule has it no more"


def test_a_job_that_failed_in_maintenance_of_hq_is_told_once_that_is_over() -> None:
    stage = told(at_six().silence(HUB, minutes=30), "failed")
    assert stage.told() == []
    assert stage.wait(1_801).told() == [("opened", HUB)]


def test_a_job_that_became_overdue_in_maintenance_is_told_once_that_is_over() -> None:
    stage = staged().wait(6 * HOUR).silence(HUB, minutes=30).wait(WITHIN + 120)
    assert stage.told() == []
    assert stage.wait(1_200).told() == [("opened", HUB)]


def recalled(missed: Missed, *, away: float) -> Stage:
    """A server that is started so many seconds after midnight; the job ended well the morning before."""
    stage = staged(missed)
    stage.time = away
    stage.judge.jobs.tracked.clear()
    stage.judge.jobs.arrange(stage.scene.jobs, HUB, RULES, stage.now)
    before = MIDNIGHT - round(18 * HOUR * 1000)
    stage.judge.jobs.recall(JobOutcome("backup", "ok", before, before + 1_000, "well"), stage.now)
    stage.judge.rearm()
    return stage


@pytest.mark.parametrize(("missed", "overdue"), [("catch-up", True), ("skip", False)])
def test_a_time_while_nobody_watched_is_waited_for_only_where_it_is_caught_up(missed: Missed, overdue: bool) -> None:
    stage = recalled(missed, away=9 * HOUR).wait(WITHIN + 59)
    assert stage.told() == []
    assert bool(stage.wait(2).told()) is overdue


def test_an_acknowledged_incident_of_a_job_reminds_nobody() -> None:
    stage = told(at_six(), "failed").wait(10).acknowledge(1).wait(5 * HOUR)
    assert [kind for kind, _ in stage.told()] == ["opened", "acknowledged"]


def test_an_incident_of_a_job_never_grows_to_sev1() -> None:
    assert told(at_six(), "failed").wait(23 * HOUR).incident().severity == "SEV2"

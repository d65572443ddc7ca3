"""The rules of judgement, stated as properties: no clock, no database, no socket."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from noc.watch.clock import Moment
from noc.watch.judge.judge import Judge
from noc.watch.judge.rules import Rules
from noc.watch.judge.scene import Scene
from noc.watch.store.records import Beat, Deployment, Event, IncidentSaved, Record

RULES = Rules(interval=30, missed=2, sev1_after=300, steady=60, flap_within=0)
EPOCH = 1_700_000_000_000
NODE = "frankfurt"


@dataclass
class Story:
    """Drives a judge along one node's life, on a clock that the test moves."""

    rules: Rules = RULES
    live: bool = True
    time: float = 0.0
    records: list[Record] = field(default_factory=list)
    seq: int = 0

    def __post_init__(self) -> None:
        self.judge = Judge(self.rules)
        self.records += self.judge.watch(Scene({NODE: self.live}, self.rules), self.now)

    @property
    def now(self) -> Moment:
        return Moment(self.time, EPOCH + round(self.time * 1000))

    def wait(self, seconds: float) -> "Story":
        self.time += seconds
        self.records += self.judge.expire(self.now)
        return self

    def push(self, boot: str | None = "b1", seq: int | None = None) -> "Story":
        self.seq = self.seq + 1 if seq is None else seq
        self.records += self.judge.push(Beat(NODE, self.now.wall, boot=boot, seq=self.seq), self.now)
        return self

    def steadily(self, seconds: float, boot: str = "b1") -> "Story":
        end = self.time + seconds
        while self.time + 30 <= end:
            self.push(boot).wait(30)
        return self.push(boot).wait(end - self.time)

    def die(self, msg: str = "killed-KILL", boot: str | None = None) -> "Story":
        self.records += self.judge.push(Beat(NODE, self.now.wall, up=False, msg=msg, boot=boot), self.now)
        return self

    def deploy(self, seconds: float) -> "Story":
        deployment = Deployment(NODE, "run-1", self.now.wall + round(seconds * 1000))
        self.records += self.judge.deploy(deployment, self.now)
        return self

    def deployed(self) -> "Story":
        self.records += self.judge.deployed(NODE, self.now)
        return self

    def alerts(self) -> list[tuple[str, float]]:
        """What people were told, and at which second it was true."""
        saved = [record for record in self.records if isinstance(record, IncidentSaved) and record.alert]
        times = {"opened": "started", "escalated": "escalated", "closed": "ended", "reminder": "reminded"}
        return [(str(each.alert), (getattr(each.incident, times[str(each.alert)]) - EPOCH) / 1000) for each in saved]

    def kinds(self) -> list[str]:
        return [record.kind for record in self.records if isinstance(record, Event)]

    def state(self) -> str:
        return self.judge.nodes[NODE].state(self.now)


def test_two_missed_pushes_open_an_incident_at_the_exact_instant() -> None:
    assert Story().push().wait(60.5).wait(500).alerts()[0] == ("opened", 60.5)


def test_a_push_inside_the_grace_opens_nothing() -> None:
    assert Story().push().wait(60.4).push().alerts() == []


def test_sev1_comes_five_minutes_after_the_incidents_start() -> None:
    assert Story().push().wait(1000).alerts() == [("opened", 60.5), ("escalated", 360.5)]


def test_the_first_push_after_missed_ones_closes_the_incident() -> None:
    assert Story().push().wait(100).push().alerts() == [("opened", 60.5), ("closed", 100.0)]


def test_a_death_is_sev2_at_once_and_names_the_signal() -> None:
    story = Story().push().wait(10).die()
    assert story.alerts() == [("opened", 10.0)]
    incident = story.judge.nodes[NODE].incident
    assert incident is not None
    assert "SIGKILL" in incident.detail


def test_a_new_process_closes_a_death_after_it_was_steady() -> None:
    story = Story().push().wait(10).die().wait(2).steadily(90, "b2")
    assert story.alerts() == [("opened", 10.0), ("closed", 72.0)]


def test_one_late_push_of_the_dead_process_proves_nothing() -> None:
    assert Story().push().wait(10).die().wait(1).push("b1").wait(200).alerts() == [("opened", 10.0)]


def test_a_process_that_dies_again_starts_its_steady_time_anew() -> None:
    story = Story().push().wait(10).die().wait(2).steadily(50, "b2").die("exited-1").wait(2).steadily(90, "b3")
    assert story.alerts() == [("opened", 10.0), ("closed", 124.0)]


def test_another_process_without_a_reported_death_starts_the_steady_time_anew() -> None:
    story = Story().push().wait(10).die().wait(2).steadily(30, "b2").steadily(90, "b3")
    assert story.alerts() == [("opened", 10.0), ("closed", 102.0)]


def test_a_missed_push_starts_the_steady_time_anew() -> None:
    story = Story().push().wait(10).die().wait(2).push("b2").wait(45).steadily(90, "b2")
    assert story.alerts() == [("opened", 10.0), ("closed", 117.0)]


def test_a_death_that_is_followed_by_silence_stays_one_incident_and_escalates() -> None:
    assert Story().push().wait(10).die().wait(1000).alerts() == [("opened", 10.0), ("escalated", 310.0)]


def test_the_same_death_reported_twice_counts_once() -> None:
    assert Story().push().wait(10).die().wait(1).die().kinds().count("death") == 1


def test_a_death_during_missed_pushes_makes_the_incident_wait_for_a_steady_process() -> None:
    story = Story().push().wait(100).die().wait(2).push("b2")
    assert story.alerts() == [("opened", 60.5)]
    assert story.steadily(90, "b2").alerts()[-1] == ("closed", 162.0)


def test_a_retry_counts_once() -> None:
    story = Story().push(seq=7).wait(3).push(seq=7)
    assert sum(isinstance(record, Beat) for record in story.records) == 1


def test_a_retry_moves_no_deadline() -> None:
    assert Story().push(seq=7).wait(20).push(seq=7).wait(100).alerts() == [("opened", 60.5)]


def test_a_jump_of_the_number_is_a_gap() -> None:
    story = Story().push(seq=1).wait(30).push(seq=4)
    gap = next(record for record in story.records if isinstance(record, Event) and record.kind == "gap")
    assert gap.detail["missing"] == 2


def test_a_new_process_is_an_event() -> None:
    assert Story().push("b1").wait(30).push("b2").kinds() == ["boot", "boot"]


def test_a_death_during_a_deployment_pages_nobody_and_names_the_run() -> None:
    story = Story().push().wait(10).deploy(120).die("killed-TERM").wait(5).push("b2").wait(5).deployed()
    assert story.alerts() == []
    death = next(record for record in story.records if isinstance(record, Event) and record.kind == "death")
    assert death.detail["run"] == "run-1"


def test_silence_during_a_deployment_counts_when_its_time_has_passed() -> None:
    assert Story().push().wait(10).deploy(120).wait(500).alerts()[0] == ("opened", 130.5)


def test_a_node_that_is_still_dead_when_its_deployment_ends_has_one_grace() -> None:
    story = Story().push().wait(10).deploy(120).die().wait(20).deployed().wait(30)
    assert story.alerts() == [("opened", 30.5)]


def test_an_incident_does_not_escalate_during_a_deployment() -> None:
    story = Story().push().wait(61).deploy(400).wait(399)
    assert story.alerts() == [("opened", 60.5)]
    assert story.wait(10).alerts()[-1] == ("escalated", 461.5)


def test_the_deadline_of_a_node_that_becomes_live_starts_then() -> None:
    story = Story(live=False).push().wait(1000)
    assert story.state() == "pending"
    story.records += story.judge.watch(Scene({NODE: True}, RULES), story.now)
    assert story.wait(500).alerts()[0] == ("opened", 1060.5)


def test_a_node_that_is_no_longer_live_ends_its_incident() -> None:
    story = Story().push().wait(100)
    story.records += story.judge.watch(Scene({NODE: False}, RULES), story.now)
    assert story.wait(1000).alerts() == [("opened", 60.5), ("closed", 100.0)]


def test_a_node_that_leaves_the_fleet_ends_its_incident() -> None:
    story = Story().push().wait(100)
    story.records += story.judge.watch(Scene({}, RULES), story.now)
    assert story.wait(1000).alerts() == [("opened", 60.5), ("closed", 100.0)]


def test_time_in_which_the_server_was_away_moves_every_deadline() -> None:
    story = Story().push()
    story.time += 100
    story.judge.extend(100, story.now)
    assert story.wait(0).alerts() == []
    assert story.wait(100).alerts()[0] == ("opened", 160.5)


def test_a_push_taken_before_an_absence_was_noticed_gets_no_longer_deadline_than_any_other() -> None:
    story = Story().push()
    story.time += 3_600
    story.push()
    story.judge.extend(3_600, story.now)
    assert story.wait(100).alerts()[0] == ("opened", 3_660.5)


def test_an_incident_that_was_opened_before_an_absence_was_noticed_escalates_in_time() -> None:
    story = Story().push()
    story.time += 3_600
    story.die()
    story.judge.extend(3_600, story.now)
    assert story.wait(301).alerts()[-1] == ("escalated", 3_900)


def test_the_four_words_for_a_state() -> None:
    story = Story()
    words = [story.state(), story.push().state(), story.wait(32).state(), story.wait(40).state()]
    assert words == ["pending", "up", "late", "down"]


def test_a_step_of_the_wall_clock_raises_nothing() -> None:
    judge = Judge(RULES)
    judge.watch(Scene({NODE: True}, RULES), Moment(0, EPOCH))
    judge.push(Beat(NODE, EPOCH, boot="b", seq=1), Moment(0, EPOCH))
    assert judge.expire(Moment(30, EPOCH + 7_200_000)) == []


gaps = st.lists(st.integers(1, 3600).map(lambda quarters: quarters / 4), min_size=1, max_size=12)


def _naive_alerts(gaps: Iterable[float]) -> list[tuple[str, float]]:
    """The same rule once more, by looking at each gap between two pushes."""
    told: list[tuple[str, float]] = []
    time, late = 0.0, 0.0
    for gap in gaps:
        silent = 60 + min(3, max(0.5, 4 * late))
        if gap >= silent:
            told.append(("opened", time + silent))
        if gap >= silent + 300:
            told.append(("escalated", time + silent + 300))
        if gap < 60:
            late += (max(0, gap - 30) - late) / 16
        time += gap
        if gap >= silent:
            told.append(("closed", time))
    return told


@given(gaps)
def test_pushes_alone_open_exactly_the_incidents_that_their_gaps_are(gaps: list[float]) -> None:
    story = Story().push()
    for gap in gaps:
        story.wait(gap).push()
    seen, wanted = story.alerts(), _naive_alerts(gaps)
    assert [kind for kind, _ in seen] == [kind for kind, _ in wanted]
    assert all(abs(a - b) < 0.002 for (_, a), (_, b) in zip(seen, wanted, strict=True))


@given(st.lists(st.floats(0, 29)))
def test_a_node_that_is_often_late_gets_a_grace_that_has_a_bound(lateness: list[float]) -> None:
    story = Story().push()
    for late in lateness:
        story.wait(30 + late).push()
    assert 0.5 <= story.judge.nodes[NODE].patience - 30 <= 3


@given(st.lists(st.floats(0, 0.1), max_size=50))
def test_the_grace_of_a_punctual_node_stays_half_a_second(lateness: list[float]) -> None:
    story = Story().push()
    for late in lateness:
        story.wait(30 + late).push()
    assert story.judge.nodes[NODE].patience == 30.5


def eighths(least: int, most: int) -> st.SearchStrategy[float]:
    """Seconds that a float adds up exactly."""
    return st.integers(least * 8, most * 8).map(lambda number: number / 8)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), eighths(0, 400)),
        st.tuples(st.just("push"), st.sampled_from(["b1", "b2", None])),
        st.tuples(st.just("die"), st.sampled_from(["killed-KILL", "exited-1", "weird"])),
        st.tuples(st.just("deploy"), eighths(1, 300)),
        st.tuples(st.just("deployed"), st.none()),
    ),
    max_size=30,
)


def _play(steps: list[tuple[str, object]], *, live: bool = True, slices: int = 1) -> Story:
    story = Story(live=live)
    for verb, value in steps:
        if verb == "wait":
            assert isinstance(value, float)
            for _ in range(slices):
                story.wait(value / slices)
        elif value is None and verb == "deployed":
            story.deployed()
        else:
            getattr(story, verb)(value)
    return story


@given(steps)
def test_there_is_never_more_than_one_open_incident_and_each_is_told_in_order(steps: list[tuple[str, object]]) -> None:
    open_ones: set[int] = set()
    told: dict[int, str] = {}
    for record in _play(steps).records:
        if not isinstance(record, IncidentSaved):
            continue
        (open_ones.discard if record.incident.ended else open_ones.add)(record.incident.id)
        assert len(open_ones) <= 1
        if record.alert:
            told[record.incident.id] = f"{told.get(record.incident.id, '')}{record.alert} "
    order = re.compile("opened (reminder )*(escalated (reminder )*)?(closed )?")
    assert all(order.fullmatch(said) for said in told.values()), told


@given(steps)
def test_nothing_is_opened_or_escalated_while_a_deployment_stands(steps: list[tuple[str, object]]) -> None:
    standing = False
    story = Story()
    for verb, value in steps:
        before = len(story.alerts())
        standing = story.judge.nodes[NODE].deployment is not None
        if verb == "wait":
            assert isinstance(value, float)
            deadline = story.judge.nodes[NODE].deployed_until
            story.wait(value)
            new = story.alerts()[before:]
            assert all(kind == "closed" or at >= deadline - 0.01 for kind, at in new if standing)
        elif verb == "deployed":
            story.deployed()
        else:
            getattr(story, verb)(value)
            new = story.alerts()[before:]
            assert all(kind == "closed" for kind, _ in new if standing)


@given(steps)
def test_a_node_that_is_not_live_raises_nothing(steps: list[tuple[str, object]]) -> None:
    story = _play(steps, live=False)
    assert story.alerts() == []
    assert story.state() == "pending"


@given(steps)
def test_looking_more_often_changes_nothing(steps: list[tuple[str, object]]) -> None:
    once, often = _play(steps).alerts(), _play(steps, slices=8).alerts()
    assert [kind for kind, _ in once] == [kind for kind, _ in often]
    assert all(abs(a - b) < 0.01 for (_, a), (_, b) in zip(once, often, strict=True))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0.1, 100)), max_size=40))
def test_many_nodes_are_judged_each_by_itself(pushes: list[tuple[str, float]]) -> None:
    names = dict.fromkeys("abc", True)
    judge, alone = Judge(RULES), {name: Judge(RULES) for name in names}
    start = Moment(0, EPOCH)
    judge.watch(Scene(names, RULES), start)
    for name, each in alone.items():
        each.watch(Scene({name: True}, RULES), start)
    together: list[Record] = []
    apart: list[Record] = []
    time = 0.0
    for name, gap in pushes:
        time += gap
        now = start.at(time)
        together += judge.expire(now) + judge.push(Beat(name, now.wall), now)
        for single in alone.values():
            apart += single.expire(now)
        apart += alone[name].push(Beat(name, now.wall), now)
    assert _starts(together) == _starts(apart)


def _starts(records: Iterable[Record]) -> set[tuple[str, int]]:
    return {(each.incident.node, each.incident.started) for each in records if isinstance(each, IncidentSaved)}

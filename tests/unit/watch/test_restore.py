"""What a restart makes of the database: the judge as it stood, and nobody blamed for the server's own absence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from noc.watch.clock import Moment
from noc.watch.config import Config
from noc.watch.judge.case import Case
from noc.watch.judge.judge import Judge
from noc.watch.service.restore import restore
from noc.watch.store.database import Store
from noc.watch.store.engine import Where
from noc.watch.store.records import Alive, Beat, Deployment, Event, Incident, IncidentSaved, Window
from watch_kit import NAMES, write_fleet

EPOCH = 1_700_000_000_000
MINUTE = 60_000
OPEN = Incident(1, "frankfurt", "death", "killed", EPOCH)


@pytest.fixture
def store(where: Where) -> Iterator[Store]:
    store = Store(where)
    yield store
    store.close()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.read(write_fleet(tmp_path / "fleet"))


def resumed(store: Store, config: Config, now: Moment) -> Judge:
    judge, records = restore(config, store.past(), now)
    store.write(records)
    return judge


def case_of(judge: Judge, subject: str, topic: str) -> Case:
    return next(case for case in judge.cases() if (case.subject, case.topic) == (subject, topic))


def test_a_restart_moves_a_deadline_by_the_servers_absence(store: Store, config: Config) -> None:
    store.write([Beat("virginia", EPOCH), Alive(EPOCH + 10_000)])
    now = Moment(5_000.0, EPOCH + 3_600_000)
    standing = resumed(store, config, now).nodes["virginia"]
    assert standing.expires == pytest.approx(now.mono + config.rules.window - 10)


def test_a_restart_leaves_every_node_time_for_one_more_push(store: Store, config: Config) -> None:
    store.write([Beat("virginia", EPOCH), Alive(EPOCH + 59_000)])
    now = Moment(5_000.0, EPOCH + 59_500)
    standing = resumed(store, config, now).nodes["virginia"]
    assert standing.expires == pytest.approx(now.mono + config.rules.patience)


def test_a_restart_with_a_wall_clock_that_stepped_back_moves_no_deadline_away(store: Store, config: Config) -> None:
    store.write([Beat("virginia", EPOCH), Alive(EPOCH)])
    now = Moment(5_000.0, EPOCH - 86_400_000)
    standing = resumed(store, config, now).nodes["virginia"]
    assert standing.expires <= now.mono + config.rules.window


def test_a_node_that_looks_for_a_restored_hq_is_not_blamed_for_its_silence(store: Store, config: Config) -> None:
    store.write([Beat("virginia", EPOCH), Alive(EPOCH)])
    now = Moment(5_000.0, EPOCH + 9_000_000)
    judge, _ = restore(config, store.past(), now, spared_s=500)
    assert judge.nodes["virginia"].expires == now.mono + 500
    assert judge.next_due() >= now.mono + config.rules.patience


def test_what_nodes_run_is_learnt_anew_by_a_restored_hq(store: Store, config: Config) -> None:
    past = store.past()
    past.baseline["virginia"] = ("1.0.0", 1)
    now = Moment(5_000.0, EPOCH)
    assert "virginia" in restore(config, past, now)[0].baseline
    assert "virginia" not in restore(config, past, now, spared_s=500)[0].baseline


def test_a_node_that_was_never_heard_before_is_up_since_it_is_watched(store: Store, config: Config) -> None:
    start = Moment(0.0, EPOCH)
    judge = resumed(store, config, start)
    judge.push(Beat("virginia", EPOCH + 1_000), Moment(1.0, EPOCH + 1_000))
    assert judge.nodes["virginia"].since(Moment(2.0, EPOCH + 2_000)) == EPOCH


def test_a_restart_knows_which_pushes_were_counted(store: Store, config: Config) -> None:
    store.write([Beat("virginia", EPOCH, boot="b", seq=number) for number in range(5)])
    judge = resumed(store, config, Moment(0.0, EPOCH + 1_000))
    assert judge.push(Beat("virginia", EPOCH + 1_000, boot="b", seq=4), Moment(0.0, EPOCH + 1_000)) == []


def test_a_restart_goes_on_with_incidents_deployments_and_numbers(store: Store, config: Config) -> None:
    store.write([IncidentSaved(replace(OPEN, id=41)), Deployment("virginia", "run-7", EPOCH + 60_000)])
    past = store.past()
    judge, _ = restore(config, past, Moment(0.0, EPOCH + 1_000))
    assert judge.nodes["frankfurt"].state(Moment(0.0, EPOCH)) == "down"
    assert judge.nodes["virginia"].deployed_until == pytest.approx(59.0)
    assert past.next_incident == 42


def test_a_restart_counts_its_own_absence_towards_no_escalation(store: Store, config: Config) -> None:
    store.write([IncidentSaved(OPEN), Alive(EPOCH + 10_000)])
    now = Moment(5_000.0, EPOCH + 3_600_000)
    standing = resumed(store, config, now).nodes["frankfurt"]
    assert standing.case.escalates == pytest.approx(now.mono + config.rules.sev1_after - 10)


def test_an_incident_of_a_node_that_left_the_fleet_ends(store: Store, config: Config) -> None:
    store.write([IncidentSaved(replace(OPEN, node="atlantis"))])
    now = Moment(0.0, EPOCH + 1_000)
    _, records = restore(config, store.past(), now)
    assert [record.alert for record in records if isinstance(record, IncidentSaved)] == ["closed"]


def test_an_incident_of_a_rule_goes_on(store: Store, config: Config) -> None:
    store.write([IncidentSaved(replace(OPEN, cause="rule", topic="disk"))])
    now = Moment(5_000.0, EPOCH + 1_000)
    judge = resumed(store, config, now)
    assert case_of(judge, "frankfurt", "disk").incident == replace(OPEN, cause="rule", topic="disk")
    assert judge.nodes["frankfurt"].incident is None


def test_an_incident_of_a_rule_that_is_gone_ends(store: Store, config: Config) -> None:
    store.write([IncidentSaved(replace(OPEN, cause="rule", topic="phase-of-the-moon"))])
    _, records = restore(config, store.past(), Moment(0.0, EPOCH + 1_000))
    assert [record.alert for record in records if isinstance(record, IncidentSaved)] == ["closed"]


def test_what_was_acknowledged_stays_so(store: Store, config: Config) -> None:
    store.write([IncidentSaved(replace(OPEN, severity="SEV1", escalated=EPOCH, acked=EPOCH, acked_by="johan"))])
    judge = resumed(store, config, Moment(5_000.0, EPOCH + 1_000))
    assert judge.nodes["frankfurt"].case.due() == float("inf")


def test_a_reminder_is_due_when_it_was_less_the_servers_absence(store: Store, config: Config) -> None:
    told = replace(OPEN, severity="SEV1", escalated=EPOCH, reminded=EPOCH + 10 * MINUTE)
    store.write([IncidentSaved(told), Alive(EPOCH + 20 * MINUTE)])
    now = Moment(5_000.0, EPOCH + 300 * MINUTE)
    assert resumed(store, config, now).nodes["frankfurt"].case.reminds == pytest.approx(now.mono + 5 * 60)


def test_what_flapped_before_is_still_the_same_incident(store: Store, config: Config) -> None:
    store.write([IncidentSaved(replace(OPEN, ended=EPOCH + MINUTE, flaps=2))])
    now = Moment(5_000.0, EPOCH + 2 * MINUTE)
    judge = resumed(store, config, now)
    records = judge.push(Beat("frankfurt", now.wall, up=False, msg="killed-KILL"), now)
    saved = [record.incident for record in records if isinstance(record, IncidentSaved)]
    assert next((each.id, each.flaps) for each in saved) == (1, 3)


def test_an_escalation_counts_from_the_last_new_start(store: Store, config: Config) -> None:
    store.write([IncidentSaved(replace(OPEN, flaps=1, reopened=EPOCH + 10 * MINUTE)), Alive(EPOCH + 12 * MINUTE)])
    now = Moment(5_000.0, EPOCH + 12 * MINUTE)
    assert resumed(store, config, now).nodes["frankfurt"].case.escalates == pytest.approx(now.mono + 180)


def test_children_stay_children(store: Store, config: Config) -> None:
    parent = Incident(1, "@fleet", "correlated", "all", EPOCH)
    children = [Incident(number, name, "missed", "silent", EPOCH, parent=1) for number, name in enumerate(NAMES, 2)]
    store.write([IncidentSaved(each) for each in (parent, *children)])
    judge = resumed(store, config, Moment(0.0, EPOCH + MINUTE))
    assert all(judge.nodes[name].case.child for name in NAMES)
    assert judge.lost


def test_an_hq_that_was_cut_off_stays_so_until_a_probe_says_otherwise(store: Store, config: Config) -> None:
    store.write([IncidentSaved(Incident(1, "@fleet", "correlated", "HQ reaches nothing outside", EPOCH))])
    now = Moment(0.0, EPOCH + MINUTE)
    judge = resumed(store, config, now)
    judge.push(Beat("frankfurt", now.wall, boot="b", seq=1), now)
    assert judge.lost
    judge.outside(ok=True, now=now)
    assert not judge.lost


def test_a_child_whose_parent_is_gone_speaks_for_itself(store: Store, config: Config) -> None:
    store.write([IncidentSaved(replace(OPEN, cause="missed", parent=77))])
    _, records = restore(config, store.past(), Moment(0.0, EPOCH + MINUTE))
    assert [record.alert for record in records if isinstance(record, IncidentSaved)] == ["opened"]


def test_a_window_holds_on(store: Store, config: Config) -> None:
    store.write([Window("w1", "silence", ("frankfurt",), "", "UTC", 60, EPOCH, "work", "johan", EPOCH)])
    judge = resumed(store, config, Moment(0.0, EPOCH + MINUTE))
    assert judge.nodes["frankfurt"].quiet
    assert not judge.nodes["virginia"].quiet


def test_a_window_that_passed_meanwhile_is_closed(store: Store, config: Config) -> None:
    store.write([Window("w1", "silence", ("frankfurt",), "", "UTC", 60, EPOCH, "work", "johan", EPOCH)])
    resumed(store, config, Moment(0.0, EPOCH + 61 * MINUTE))
    assert store.past().windows == []


def test_what_was_deployed_is_remembered(store: Store, config: Config) -> None:
    store.write([Event("version", "frankfurt", EPOCH, detail={"version": "1.0.0", "generation": 4})])
    judge = resumed(store, config, Moment(0.0, EPOCH + MINUTE))
    for number in range(2):
        now = Moment(0.0, EPOCH + MINUTE)
        judge.push(Beat("frankfurt", now.wall, boot="b", seq=number, version="1.1.0"), now)
    assert case_of(judge, "frankfurt", "drift").incident is not None


def test_a_node_that_was_seen_to_fail_in_public_waits_for_the_next_look(store: Store, config: Config) -> None:
    store.write([IncidentSaved(replace(OPEN, cause="public"))])
    now = Moment(0.0, EPOCH + MINUTE)
    judge = resumed(store, config, now)
    judge.push(Beat("frankfurt", now.wall, boot="b", seq=1), now)
    assert judge.nodes["frankfurt"].incident is not None

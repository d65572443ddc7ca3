"""What is promised of each fault, who bears which, and what the watch's words make of it: pure rules."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.errors import Usage
from noc.fleet.inventory import Inventory, Life, NodeRecord
from noc.fleet.judging import TelemetryRule
from noc.fleet.model import Approval, Fleet
from noc.runs.admission.approval import rule_of
from noc.runs.admission.risk import risk
from noc.runs.drill.assignment import MOST_SILENT, ON_NODES, assign, waves
from noc.runs.drill.bounds import Bounds, bounds, hold_s
from noc.runs.drill.faults import AT_ONCE, SILENT, order, program
from noc.runs.drill.lab import in_lab, mark_text
from noc.runs.drill.measured import Measured, Seen, measure, seen
from noc.runs.drill.plans import FAULTS, plan_drill
from noc.runs.plan.plan import Fault, Options, Plan, PlannedFault
from runs_kit import NAMES, NEW, NOW, manifest

PLANS_OWN = {"push_interval": 30.0, "sev2_missed": 2, "recovery_steady": 60.0}
BEGAN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LIVE = Inventory(nodes={name: NodeRecord(life=Life.LIVE) for name in NAMES})


def with_policy(fleet: Fleet, **policy: float) -> Fleet:
    return fleet.model_copy(update={"policy": fleet.policy.model_copy(update=policy)})


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def incident(number: int = 7, node: str = "frankfurt", topic: str = "liveness", **more: Any) -> dict[str, Any]:
    opened = more.pop("opened", 4.0)
    row = {
        "id": number,
        "node": node,
        "topic": topic,
        "started_at": at(opened).isoformat(),
        "ended_at": None,
        "parent": None,
        "history": [],
        "alerts": [{"kind": "opened", "sent_at": at(opened + 1).isoformat()}],
    }
    return row | more


def planned(fault: Fault, node: str) -> PlannedFault:
    return PlannedFault(fault=fault, node=node)


@pytest.mark.parametrize(
    ("fault", "noticed", "told"),
    [("kill", 33, 120), ("cut", 66, 120), ("reboot", 66, 120), ("disk-full", 69, 120), ("clock", 135, 145)],
)
def test_the_plans_own_times_are_promised_of_the_plans_own_fleet(
    fleet: Fleet, fault: Fault, noticed: float, told: float
) -> None:
    promised = bounds(fault, with_policy(fleet, **PLANS_OWN), 200)
    assert (promised.noticed, promised.told) == (noticed, told)


@given(interval=st.floats(1, 120), missed=st.integers(1, 5), steady=st.floats(1, 600))
def test_a_fault_lasts_longer_than_it_takes_to_be_noticed_and_is_over_after_it_ends(
    interval: float, missed: int, steady: float
) -> None:
    fleet = with_policy(fleet_of(), push_interval=interval, sev2_missed=missed, recovery_steady=steady)
    for fault in FAULTS:
        held = hold_s(fault, fleet)
        promised = bounds(fault, fleet, held)
        if held and promised.noticed is not None:
            assert promised.noticed - 3 < held
        assert promised.over is not None
        assert promised.over > held
        if promised.told is not None and promised.noticed is not None:
            assert promised.told >= min(120, promised.noticed)


def fleet_of() -> Fleet:
    import tomllib

    from runs_kit import FLEET_TOML

    return Fleet.model_validate(tomllib.loads(FLEET_TOML))


def test_a_fleets_own_rule_decides_when_a_full_disk_is_noticed(fleet: Fleet) -> None:
    slow = TelemetryRule(name="disk", field="disk_pct", above=90, samples=10, words="full")
    assert hold_s("disk-full", fleet.model_copy(update={"rule": (slow,)})) > hold_s("disk-full", fleet)


@given(st.integers(1, 9))
def test_every_fault_has_a_node_and_no_node_a_second_one_before_each_has_one(count: int) -> None:
    nodes = [f"n{number}" for number in range(count)]
    given_out = assign(ON_NODES, nodes)
    borne = [sum(node == name for _, node in given_out) for name in nodes]
    assert [fault for fault, _ in given_out] == list(ON_NODES)
    assert max(borne) - min(borne) <= 1


@given(st.lists(st.tuples(st.sampled_from(FAULTS), st.sampled_from(NAMES)), max_size=12))
def test_side_by_side_are_one_fault_a_node_two_silent_nodes_and_never_hqs_absence(
    faults: list[tuple[Fault, str]],
) -> None:
    listed = [planned(fault, "zurich" if fault == "hq-down" else node) for fault, node in faults]
    made = waves(listed)
    assert [each for wave in made for each in wave] == listed
    for wave in made:
        assert len({each.node for each in wave}) == len(wave)
        assert sum(each.fault in SILENT for each in wave) <= MOST_SILENT
        assert len(wave) == 1 or all(each.fault != "hq-down" for each in wave)


class TestSeen:
    """What the watch's incidents tell of one fault."""

    def test_the_first_incident_since_the_fault_counts_with_its_first_message(self) -> None:
        rows = [incident(7, ended_at=at(30).isoformat()), incident(6, opened=-50)]
        assert seen("kill", "frankfurt", BEGAN, rows, None) == Seen(at(4), at(5), at(30), 7)

    @pytest.mark.parametrize("other", [{"node": "london"}, {"topic": "disk"}, {"opened": -1.0}])
    def test_others_and_older_ones_do_not(self, other: dict[str, Any]) -> None:
        assert seen("kill", "frankfurt", BEGAN, [incident(**other)], None) == Seen()

    def test_an_incident_that_began_anew_counts_from_then(self) -> None:
        turns = [{"at": at(8).isoformat(), "what": "opened"}]
        alerts = [{"kind": "opened", "sent_at": at(-50).isoformat()}, {"kind": "opened", "sent_at": at(9).isoformat()}]
        row = incident(opened=-60.0, history=turns, alerts=alerts)
        found = seen("kill", "frankfurt", BEGAN, [row], None)
        assert (found.noticed, found.told) == (at(8), at(9))

    def test_where_another_incident_speaks_for_it_that_ones_message_tells(self) -> None:
        parent = incident(9, node="@fleet", topic="lost", alerts=[{"kind": "opened", "sent_at": at(6).isoformat()}])
        rows = [incident(8, parent=9, alerts=[]), parent]
        assert seen("cut", "frankfurt", BEGAN, rows, None).told == at(6)

    def test_a_message_that_it_is_over_tells_nobody_that_it_began(self) -> None:
        row = incident(alerts=[{"kind": "closed", "sent_at": at(6).isoformat()}])
        assert seen("kill", "frankfurt", BEGAN, [row], None).told is None

    def test_a_full_disk_is_noticed_by_the_disks_own_topic(self) -> None:
        assert seen("disk-full", "frankfurt", BEGAN, [incident(topic="disk")], None).noticed == at(4)

    @pytest.mark.parametrize(("fault", "noticed"), [("reboot", at(9)), ("kill", None)])
    def test_a_quick_reboot_is_noticed_and_over_by_the_new_process(self, fault: Fault, noticed: datetime) -> None:
        found = seen(fault, "frankfurt", BEGAN, [], at(9))
        assert (found.noticed, found.told, found.over) == (noticed, None, noticed)


class TestVerdict:
    """Times held against promises."""

    HELD = Seen(at(4), at(5), at(30), 7)
    BOUNDS = Bounds(10, 120, 60)

    def test_what_holds_everything_is_held(self) -> None:
        row = measure(("kill", "frankfurt"), BEGAN, self.HELD, self.BOUNDS)
        assert (row.word, row.as_dict()["why"]) == ("held", "")

    @pytest.mark.parametrize(
        ("was", "words"),
        [
            (Seen(at(11), at(12), at(30), 7), "noticed after 11.0 s, promised within 10 s"),
            (Seen(at(4), None, at(30), 7), "told never, promised within 120 s"),
            (Seen(at(4), at(5), None, 7), "over never, promised within 60 s"),
        ],
    )
    def test_what_is_late_or_never_comes_is_missed_and_says_so(self, was: Seen, words: str) -> None:
        row = measure(("kill", "frankfurt"), BEGAN, was, self.BOUNDS)
        assert (row.word, row.as_dict()["why"]) == ("missed", words)

    def test_where_nothing_is_promised_nothing_is_missed(self) -> None:
        row = measure(("hq-down", "zurich"), BEGAN, Seen(over=at(30)), Bounds(None, None, 60))
        assert row.word == "held"

    def test_a_reboot_that_nobody_missed_need_not_be_told(self) -> None:
        assert measure(("reboot", "frankfurt"), BEGAN, Seen(at(8), None, at(8)), self.BOUNDS).word == "held"

    def test_what_was_not_made_is_neither_held_nor_missed(self) -> None:
        row = Measured("clock", "frankfurt", None, None, None, self.BOUNDS, "a container", done=False)
        assert (row.word, row.as_dict()["why"]) == ("not done", "a container")


class TestPlan:
    """What is refused before anything is asked, and who has to agree."""

    def drill(self, fleet: Fleet, fault: str, *names: str, **more: Any) -> Plan:
        release = more.pop("release", None)
        return plan_drill(fleet, LIVE, release, names or ("all",), NOW, options=Options(drill=fault, **more))

    @pytest.mark.parametrize(
        ("fault", "more"),
        [
            ("flood", {}),
            ("", {}),
            ("bad-release", {}),
            ("kill", {"hold": 60}),
            ("cut", {"hold": 1}),
            ("all", {"hold": 90}),
        ],
    )
    def test_what_cannot_be_rehearsed_is_refused(self, fleet: Fleet, fault: str, more: dict[str, Any]) -> None:
        with pytest.raises(Usage):
            self.drill(fleet, fault, **more)

    def test_a_node_that_is_not_live_is_refused_by_name_and_left_out_of_all(self, fleet: Fleet) -> None:
        some = Inventory(nodes={"virginia": NodeRecord(life=Life.LIVE)})
        with pytest.raises(Usage, match="not live"):
            plan_drill(fleet, some, None, ["frankfurt"], NOW, options=Options(drill="kill"))
        plan = plan_drill(fleet, some, None, ["all"], NOW, options=Options(drill="all"))
        assert plan.nodes == ("virginia",)

    def test_all_says_what_it_leaves_out_and_why(self, fleet: Fleet) -> None:
        faults = {each.fault: each for each in self.drill(fleet, "all").faults}
        assert set(faults) == set(FAULTS)
        assert "--release" in faults["bad-release"].left_out
        assert faults["hq-down"].node == "zurich"
        with_bad = self.drill(fleet, "all", release=manifest(NEW))
        assert [each.left_out for each in with_bad.faults] == [""] * len(FAULTS)

    def test_a_rule_that_is_off_leaves_nobody_to_notice(self, fleet: Fleet) -> None:
        off = TelemetryRule(name="disk", field="disk_pct", above=90, words="full", off=True)
        changed = fleet.model_copy(update={"rule": (off,)})
        with pytest.raises(Usage, match="nobody would notice"):
            self.drill(changed, "disk-full", "virginia")

    @pytest.mark.parametrize(("lab", "expected", "rule"), [(True, "low", "nobody"), (False, "high", "one")])
    def test_outside_a_lab_somebody_agrees_whatever_the_fleet_file_says(
        self, fleet: Fleet, lab: bool, expected: str, rule: str
    ) -> None:
        plan = self.drill(fleet, "kill", "virginia").model_copy(update={"lab": lab})
        plan = plan.model_copy(update={"risk": risk(plan, LIVE)})
        assert plan.risk == expected
        assert rule_of(plan, Approval(low="nobody", high="nobody")) == rule


class TestMark:
    """The mark of a lab's HQ."""

    @pytest.fixture
    def machine(self, tmp_path: Path) -> Path:
        path = tmp_path / "machine-id"
        path.write_text("0123456789abcdef\n")
        return path

    def marked(self, machine: Path, text: str, mode: int = 0o644) -> bool:
        mark = machine.with_name("mark")
        mark.write_text(text)
        mark.chmod(mode)
        return in_lab(mark, machine, owner=mark.stat().st_uid)

    def test_it_means_the_machine_whose_number_it_has(self, machine: Path) -> None:
        assert self.marked(machine, mark_text("0123456789abcdef\n"))

    @pytest.mark.parametrize("text", ["", "lab = true\n", mark_text("fedcba9876543210")])
    def test_no_other_text_marks_a_machine(self, machine: Path, text: str) -> None:
        assert not self.marked(machine, text)

    @pytest.mark.parametrize("mode", [0o664, 0o646])
    def test_one_that_others_could_have_written_does_not_count(self, machine: Path, mode: int) -> None:
        assert not self.marked(machine, mark_text("0123456789abcdef"), mode)

    def test_nor_does_somebody_elses_file_nor_a_link_nor_none(self, machine: Path) -> None:
        assert self.marked(machine, mark_text("0123456789abcdef"))
        mark = machine.with_name("mark")
        assert not in_lab(mark, machine, owner=mark.stat().st_uid + 1)
        link = machine.with_name("link")
        link.symlink_to(mark)
        assert not in_lab(link, machine, owner=mark.stat().st_uid)
        assert not in_lab(machine.with_name("none"), machine)


@pytest.mark.parametrize("fault", [fault for fault in ON_NODES if fault not in AT_ONCE and fault != "bad-release"])
def test_the_nodes_program_is_shell_that_mends_where_nothing_was_broken(fault: Fault, tmp_path: Path) -> None:
    file = tmp_path / "program.sh"
    file.write_text(program(fault, 51820).replace("/var/lib/clavitor", str(tmp_path)).replace("/run/", f"{tmp_path}/"))
    assert subprocess.run(["sh", "-n", str(file)], check=False).returncode == 0
    assert subprocess.run(["unshare", "--net", "--map-root-user", "sh", str(file), "end"], check=False).returncode == 0


def test_a_fault_ends_by_the_nodes_own_systemd_also_where_it_hangs() -> None:
    argv = order("cut", 90)
    assert "--property=ExecStopPost=/bin/sh /run/noc-drill-cut.sh end" in argv
    assert "--property=RuntimeMaxSec=120" in argv
    assert argv[-4:] == ("/bin/sh", "/run/noc-drill-cut.sh", "begin", "90")

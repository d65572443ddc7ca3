"""Rules over telemetry: when they open, what ends them, and what is not their business."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from judge_kit import RULES, Stage, alone, seconds
from noc.fleet.judging import LIMITS, TelemetryRule, built_in, rules_in_force
from noc.watch.judge.reading import read, value_of
from noc.watch.judge.scene import Scene

NODE = "frankfurt"
DISK = TelemetryRule(name="disk", field="disk_pct", above=90, clear=85, samples=2, words="{value} % full")
INTEGRITY = TelemetryRule(name="integrity", field="db_integrity", other_than="ok", severity="SEV1", words="{value}")
ERRORS = TelemetryRule(name="errors", field="err_1h", per="req_1h", least=100, above=5, words="{value} %")
CLOCK = TelemetryRule(name="clock", field="clock_skew_s", beyond=5, clear=2, words="{value} s off")
DRIFT = TelemetryRule(name="drift", field="drift", other_than="", words="it runs {value}")
LASTING = TelemetryRule(name="lasting", field="ram_pct", above=90, seconds=120, words="{value} %")


def checking(*rules: TelemetryRule) -> Stage:
    return alone(telemetry={NODE: rules})


def fed(stage: Stage, **telemetry: float | str | None) -> Stage:
    return stage.tell(NODE, telemetry).wait(30)


def test_a_limit_counts_after_as_many_samples_as_the_rule_wants() -> None:
    stage = fed(checking(DISK), disk_pct=91)
    assert stage.told() == []
    assert fed(stage, disk_pct=92).told() == [("opened", NODE)]
    assert (stage.incident().topic, stage.incident().detail) == ("disk", "92 % full")


def test_its_start_is_the_sample_that_completed_it() -> None:
    assert seconds(fed(fed(checking(DISK), disk_pct=91), disk_pct=92).incident().started) == 30


def test_a_good_sample_between_two_bad_ones_starts_the_count_anew() -> None:
    stage = checking(DISK)
    for value in (91, 80, 91, 80):
        fed(stage, disk_pct=value)
    assert stage.told() == []


def test_a_value_between_the_two_limits_ends_nothing() -> None:
    stage = fed(fed(fed(checking(DISK), disk_pct=91), disk_pct=91), disk_pct=88)
    assert stage.told() == [("opened", NODE)]


def test_a_value_below_the_clear_limit_ends_it() -> None:
    stage = fed(fed(fed(checking(DISK), disk_pct=91), disk_pct=91), disk_pct=85)
    assert stage.told() == [("opened", NODE), ("closed", NODE)]


def test_a_rule_over_time_opens_when_that_has_passed() -> None:
    stage = checking(LASTING)
    for _ in range(5):
        fed(stage, ram_pct=95)
    assert seconds(stage.incident().started) == 120


def test_a_broken_database_is_sev1_at_once() -> None:
    stage = fed(checking(INTEGRITY), db_integrity="row 7 missing from index")
    assert stage.told() == [("opened", NODE)]
    assert stage.incident().severity == "SEV1"


def test_a_check_that_has_not_run_yet_is_no_broken_database() -> None:
    assert fed(checking(INTEGRITY), db_integrity=None).told() == []


def test_a_rules_incident_grows_only_where_the_rule_says_so() -> None:
    stage = fed(fed(checking(DISK), disk_pct=91), disk_pct=91).beating(1_000, [NODE])
    assert stage.incident().severity == "SEV2"
    growing = checking(DISK.model_copy(update={"sev1_after": 600.0}))
    fed(fed(growing, disk_pct=91), disk_pct=91).beating(1_000, [NODE])
    assert seconds(growing.incident().escalated) == 630


def test_a_rules_incident_does_not_make_a_node_down() -> None:
    assert fed(fed(checking(DISK), disk_pct=91), disk_pct=91).state(NODE) == "up"


def test_two_rules_are_two_incidents_of_one_node() -> None:
    stage = fed(fed(checking(DISK, INTEGRITY), disk_pct=91, db_integrity="bad"), disk_pct=91, db_integrity="bad")
    assert {each.topic for each in stage.incidents().values()} == {"disk", "integrity"}


def test_a_share_of_few_requests_says_nothing() -> None:
    assert fed(checking(ERRORS), err_1h=50, req_1h=99).told() == []
    assert fed(checking(ERRORS), err_1h=50, req_1h=100).told() == [("opened", NODE)]


@pytest.mark.parametrize("skew", [-6, 6])
def test_a_clock_is_wrong_on_either_side(skew: int) -> None:
    stage = checking(CLOCK)
    stage.push(NODE, sent=stage.now.wall + skew * 1000)
    assert stage.told() == [("opened", NODE)]


def test_a_retry_is_no_second_sample() -> None:
    stage = checking(DISK).tell(NODE, {"disk_pct": 91})
    stage.seq -= 1
    assert stage.tell(NODE, {"disk_pct": 91}).told() == []


def test_a_reboot_is_an_event() -> None:
    stage = fed(fed(checking(), uptime_s=5_000), uptime_s=12)
    assert "reboot" in stage.kinds()


def test_a_machine_that_goes_on_running_is_no_reboot() -> None:
    assert "reboot" not in fed(fed(checking(), uptime_s=5_000), uptime_s=5_030).kinds()


def test_a_version_that_nobody_deployed_is_an_incident() -> None:
    stage = checking(DRIFT).runs(NODE, "1.0.0").wait(30).runs(NODE, "1.1.0")
    assert stage.incident().detail == "it runs version 1.1.0 instead of 1.0.0"


def test_a_generation_that_nobody_deployed_is_an_incident() -> None:
    stage = checking(DRIFT).runs(NODE, "1.0.0", 41).wait(30).runs(NODE, "1.0.0", 42)
    assert stage.incident().detail == "it runs generation 42 instead of 41"


def test_what_a_deployment_leaves_behind_was_deployed() -> None:
    stage = checking(DRIFT).runs(NODE, "1.0.0").deploy(NODE, 60).wait(20).runs(NODE, "1.1.0").deployed(NODE)
    assert stage.wait(30).runs(NODE, "1.1.0").told() == []


def test_going_back_to_what_was_deployed_ends_it() -> None:
    stage = checking(DRIFT).runs(NODE, "1.0.0").wait(30).runs(NODE, "1.1.0").wait(30).runs(NODE, "1.0.0")
    assert stage.told() == [("opened", NODE), ("closed", NODE)]


def test_the_certificate_that_is_seen_from_outside_is_judged_by_its_lifetime() -> None:
    rule = TelemetryRule(name="renewal", field="cert_left_pct", below=33, words="{value} % left")
    stage, day = checking(rule), 86_400_000
    stage.look(NODE, since=stage.now.wall - 70 * day, until=stage.now.wall + 20 * day)
    assert stage.incident().detail == "22.2 % left"


def test_nothing_is_opened_in_maintenance_and_the_next_bad_sample_after_it_counts() -> None:
    stage = checking(DISK).silence(NODE, minutes=5)
    for _ in range(9):
        fed(stage, disk_pct=95)
    assert stage.told() == []
    assert fed(fed(stage, disk_pct=95), disk_pct=95).told() == [("opened", NODE)]


def test_a_rule_that_is_taken_away_ends_its_incident() -> None:
    stage = fed(fed(checking(DISK), disk_pct=91), disk_pct=91)
    stage.records += stage.judge.watch(replace(stage.scene, telemetry={NODE: ()}), stage.now)
    assert stage.told() == [("opened", NODE), ("closed", NODE)]


def test_hq_is_judged_by_its_own_rules() -> None:
    scene = Scene({NODE: True}, RULES, telemetry={"zurich": (DISK,)}, hub="zurich")
    stage = Stage(scene)
    for _ in range(2):
        stage.records += stage.judge.house({"disk_pct": 97, "never_heard_of": 1}, stage.now)
    assert stage.told() == [("opened", "zurich")]


def test_a_rule_that_flaps_is_one_incident() -> None:
    once = DISK.model_copy(update={"samples": 1})
    stage = checking(once)
    for value in (95, 80, 95, 80, 95, 80):
        fed(stage, disk_pct=value)
    assert list(stage.incidents()) == [1]
    assert stage.told() == [("opened", NODE), ("closed", NODE), ("opened", NODE)]


@given(st.floats(-1e6, 1e6), st.floats(0, 100), st.floats(0, 50))
def test_no_number_is_wrong_and_right_at_once(value: float, limit: float, gap: float) -> None:
    above = TelemetryRule(name="rule", field="field", above=limit, clear=limit - gap, words="w")
    below = TelemetryRule(name="rule", field="field", below=limit, clear=limit + gap, words="w")
    assert (read(above, value) == "wrong") == (value > limit)
    assert (read(above, value) == "right") == (value <= limit - gap)
    assert (read(below, value) == "wrong") == (value < limit)
    assert (read(below, value) == "right") == (value >= limit + gap)


@given(st.one_of(st.none(), st.text(), st.floats(allow_nan=False), st.integers()))
def test_a_rule_passes_over_what_it_cannot_judge(value: object) -> None:
    for rule in built_in():
        found = value_of(rule, {rule.field: value})  # type: ignore[dict-item]
        if found is not None:
            assert read(rule, found) in {"wrong", "right", "between", None}


def test_every_built_in_rule_has_one_limit_and_a_place_for_its_value() -> None:
    for rule in built_in():
        assert [getattr(rule, name) is not None for name in LIMITS].count(True) == 1, rule.name
        assert "{value}" in rule.words, rule.name


def test_a_fleets_own_rule_replaces_a_built_in_of_its_name() -> None:
    own = DISK.model_copy(update={"above": 50.0})
    assert next(rule for rule in rules_in_force([own]) if rule.name == "disk").above == 50


def test_a_rule_that_is_off_is_not_in_force() -> None:
    off = DISK.model_copy(update={"off": True})
    assert "disk" not in {rule.name for rule in rules_in_force([off])}


def test_a_limit_is_a_number() -> None:
    with pytest.raises(ValidationError):
        TelemetryRule(name="rule", field="field", above=float("nan"), words="w")

"""Whose the fleet is: a restored HQ asks first, one that was replaced begins nothing."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.runs.admission.errors import AnotherHq, FencesUnknown, RestoredUnreadable
from noc.runs.admission.fence import last_fence, next_fence, raise_fence
from noc.runs.admission.restored import BELIEVED, GENERATION, Restored, go_without, next_generation
from noc.runs.admission.superseded import Whose, check_ours, note_superseded, read_superseded, whose
from noc.runs.paths import Paths
from noc.runs.record.audit import Audit
from noc.runs.runner.taking import Taking

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
fences = st.integers(0, BELIEVED - GENERATION)


class Nodes:
    """Nodes that know a fence, or cannot be asked. What `Taking` asks; a stand-in for SSH."""

    def __init__(self, **said: int | str) -> None:
        self.said: dict[str, int | str] = dict(said)

    async def __call__(self, number: int | None) -> Mapping[str, int | str]:
        if number is not None:
            self.said = {name: max(f, number) if isinstance(f, int) else f for name, f in self.said.items()}
        return dict(self.said)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "runs").mkdir()
    (tmp_path / "audit").mkdir()
    made = Paths(runs=tmp_path / "runs")
    raise_fence(made.fence, 41)
    return made


@pytest.fixture
def restored(paths: Paths) -> Paths:
    paths.restored.write_text(Restored(at=NOW, backup=NOW, fence=41).model_dump_json())
    return paths


def check(paths: Paths, nodes: Nodes, action: str = "deploy") -> None:
    audit = Audit(paths.audit)
    try:
        asyncio.run(Taking(paths, nodes, audit).check(action))
    finally:
        audit.close()


def test_a_restored_hq_counts_on_above_all_that_nodes_have_seen(restored: Paths) -> None:
    check(restored, Nodes(virginia=44, london=52))
    assert next_fence(restored.fence) == GENERATION + 1


def test_every_node_is_told_so_that_the_old_hq_is_refused_at_once(restored: Paths) -> None:
    nodes = Nodes(virginia=44, london=52)
    check(restored, nodes)
    assert nodes.said == {"virginia": GENERATION, "london": GENERATION}


def test_it_is_asked_once(restored: Paths) -> None:
    check(restored, Nodes(virginia=44))
    check(restored, Nodes(virginia="silent"))
    assert not restored.restored.exists()


def test_a_node_that_cannot_be_asked_keeps_all_from_beginning(restored: Paths) -> None:
    with pytest.raises(FencesUnknown) as caught:
        check(restored, Nodes(virginia=44, london="no answer within 15 s"))
    assert (str(caught.value.why), "--without london" in caught.value.fix) == ("london: no answer within 15 s", True)
    assert last_fence(restored.fence) == 41


def test_a_person_goes_on_without_it(restored: Paths) -> None:
    go_without(restored.restored, ("london",))
    check(restored, Nodes(virginia=44, london="silent"))
    assert last_fence(restored.fence) == GENERATION


def test_a_node_that_names_an_absurd_number_counts_as_one_that_cannot_be_asked(restored: Paths) -> None:
    with pytest.raises(FencesUnknown):
        check(restored, Nodes(virginia=2**60))


@pytest.mark.parametrize("action", ["dns", "rescue"])
def test_what_brings_nodes_back_to_hq_may_begin(restored: Paths, action: str) -> None:
    check(restored, Nodes(virginia="silent"), action)


def test_one_that_was_cut_takes_over_with_the_same_number(restored: Paths) -> None:
    raise_fence(restored.fence, GENERATION)
    check(restored, Nodes(virginia=GENERATION, london=52))
    assert last_fence(restored.fence) == GENERATION


def test_a_state_file_that_makes_no_sense_lets_nothing_begin(paths: Paths) -> None:
    paths.restored.write_text("{")
    with pytest.raises(RestoredUnreadable):
        check(paths, Nodes())


def test_where_nothing_was_restored_nobody_is_asked(paths: Paths) -> None:
    check(paths, Nodes(virginia="silent"))


@given(fences)
def test_a_generation_is_above_all_that_was_seen_and_out_of_the_old_one_s_reach(seen: int) -> None:
    number = next_generation(seen)
    assert number > seen
    assert whose(seen, {"virginia": number}, 1) is Whose.ANOTHERS


@given(fences, st.dictionaries(st.text(max_size=3), fences, min_size=1))
def test_one_node_that_lies_does_not_make_hq_step_back(own: int, said: dict[str, int]) -> None:
    assert whose(own, {**said, "honest": own}, len(said) + 1) is not Whose.ANOTHERS


@given(st.integers(0, GENERATION - 1), st.integers(0, GENERATION - 1))
def test_an_hq_that_is_a_little_behind_is_not_another_one(own: int, seen: int) -> None:
    assert whose(own, {"virginia": seen}, 1) is Whose.OURS


def test_too_few_answers_settle_nothing() -> None:
    assert whose(41, {"virginia": GENERATION}, 3) is Whose.UNKNOWN


def test_an_hq_that_was_replaced_begins_nothing_and_says_what_to_do(paths: Paths) -> None:
    note_superseded(paths.superseded, 41, {"virginia": GENERATION}, NOW)
    with pytest.raises(AnotherHq) as caught:
        check(paths, Nodes(virginia=GENERATION))
    assert "fence 1000000 was seen by virginia" in str(caught.value.why)
    assert "switch this machine off" in caught.value.fix


def test_a_person_takes_the_fleet_back(paths: Paths) -> None:
    note_superseded(paths.superseded, 41, {"virginia": GENERATION}, NOW)
    raise_fence(paths.fence, GENERATION)
    check_ours(paths.superseded, paths.fence)
    assert read_superseded(paths.superseded) is None

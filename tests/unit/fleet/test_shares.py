"""A batch as people write it: a number of nodes, or a share of them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from noc.fleet.errors import FleetProblems
from noc.fleet.load import load
from noc.fleet.shares import MOST_NODES, counted, read_batch
from runs_kit import FLEET_TOML

nodes, shares = st.integers(1, MOST_NODES), st.integers(1, 100)


@given(shares, nodes)
def test_a_share_is_never_none_and_never_more_than_all(share: int, nodes: int) -> None:
    assert 1 <= counted(f"{share}%", nodes) <= nodes


@given(shares, shares, nodes, nodes)
def test_a_greater_share_of_more_nodes_is_never_less(share: int, more: int, nodes: int, others: int) -> None:
    low, high = sorted((share, more)), sorted((nodes, others))
    assert counted(f"{low[0]}%", high[0]) <= counted(f"{low[1]}%", high[1])


@pytest.mark.parametrize(("batch", "nodes", "count"), [("5%", 2000, 100), ("5%", 39, 1), ("100%", 7, 7), (3, 2000, 3)])
def test_a_share_is_rounded_down_and_a_number_stays(batch: int | str, nodes: int, count: int) -> None:
    assert counted(read_batch(batch), nodes) == count


@pytest.mark.parametrize("wrong", [0, -1, MOST_NODES + 1, True, 1.0, "5", "0%", "101%", "05%", "5 %", "5%\n", None])
def test_what_is_no_batch_is_refused(wrong: Any) -> None:
    with pytest.raises(PydanticCustomError):
        read_batch(wrong)


def written(directory: Path, batch: str) -> Path:
    (directory / "fleet.toml").write_text(FLEET_TOML.replace("[policy]\n", f"[policy]\nbatch = {batch}\n"))
    return directory


def test_the_fleet_file_takes_a_share(tmp_path: Path) -> None:
    assert load(written(tmp_path, '"5%"')).policy.batch == "5%"


def test_a_wrong_share_in_the_fleet_file_is_one_problem_on_its_line(tmp_path: Path) -> None:
    with pytest.raises(FleetProblems) as raised:
        load(written(tmp_path, '"five"'))
    (problem,) = raised.value.problems
    assert (problem.what, problem.fix) == (
        'policy.batch = "five" is not allowed',
        'it should be 1 to 2000 nodes, or a share of them from 1% to 100%, such as "5%"',
    )

"""Briefings that HQ asks a running watch for."""

import os
from pathlib import Path
from typing import Any

import pytest

from node_tree import wait_until
from watch_kit import Server, receiving, write_fleet

RUN = {"about": "run", "name": "20260304T080000000-beef", "title": "deploy 1.2.0: done", "lines": ["by mia"]}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root and the runner ask for briefings")


def test_a_briefing_goes_out_at_low_priority_and_once(tmp_path: Path) -> None:
    with receiving() as receiver:
        fleet = write_fleet(tmp_path / "fleet", ntfy=receiver.url, push_interval=600)
        with Server(tmp_path, fleet) as server:
            for _ in range(2):
                assert server.ask("/api/v1/briefing", "POST", RUN)[0] == 200
            wait_until(lambda: receiver.got)
            [(name, document, _)] = receiver.got
            assert name == "clavitor-briefing-run-20260304T080000000-beef"
            assert (document["title"], document["priority"]) == ("clavitor: deploy 1.2.0: done", 2)
            assert document["message"].splitlines()[0] == "by mia"


@pytest.mark.parametrize(
    "wrong",
    [
        {"about": "weather"},
        {"name": "../x"},
        {"lines": ["two\nlines"]},
        {"lines": ["x" * 301]},
        {"lines": ["x"] * 13},
        {"more": 1},
    ],
)
def test_what_is_no_briefing_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with Server(tmp_path, write_fleet(tmp_path / "fleet", push_interval=600)) as server:
        assert server.ask("/api/v1/briefing", "POST", RUN | wrong)[0] == 422

"""Which fleet directory is meant."""

from collections.abc import Callable
from pathlib import Path

import pytest

from noc.errors import NotPermitted
from noc.fleet.directory import fleet_directory
from noc.fleet.errors import NoFleetDirectory


def test_the_chosen_directory_wins_over_the_variable(
    fleet_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOC_FLEET", "/nowhere")
    assert fleet_directory(fleet_file()) == fleet_file()


def test_the_variable_is_used_where_none_is_chosen(
    fleet_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOC_FLEET", str(fleet_file()))
    assert fleet_directory() == fleet_file()


def test_a_directory_without_a_fleet_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoFleetDirectory, match="-C DIR"):
        fleet_directory(tmp_path)


def test_a_directory_that_this_user_may_not_look_into_is_said_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)  # root, as whom these tests may run, may look everywhere
    with pytest.raises(NotPermitted):
        fleet_directory(tmp_path)

"""What `noc rotate` refuses before anything is asked or changed."""

import pytest
from typer.testing import CliRunner

from noc.cli.rotate import ROTATIONS, Asked, app
from noc.errors import NotPermitted, Usage
from noc.fleet.rotating import Secret

RUN = CliRunner()


def refused(*words: str) -> BaseException | None:
    return RUN.invoke(app, list(words)).exception


def test_every_secret_of_the_fleet_file_has_a_rotation() -> None:
    assert set(ROTATIONS) == set(Secret.__args__)  # type: ignore[attr-defined]


def test_an_unknown_secret_is_told_with_those_that_there_are() -> None:
    error = refused("password")
    assert isinstance(error, Usage)
    assert "push-token" in error.fix


@pytest.mark.parametrize("option", ["--add", "--withdraw"])
def test_what_is_made_anew_is_neither_added_nor_withdrawn(option: str) -> None:
    assert isinstance(refused("push-token", option, "x"), Usage)


@pytest.mark.parametrize("secret", ["ssh", "ca", "signer", "recipients"])
def test_what_hq_holds_is_roots(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    error = refused(secret)
    assert isinstance(error, NotPermitted)
    assert f"sudo noc rotate {secret}" in error.fix


def test_one_change_of_a_list_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert isinstance(refused("recipients", "--add", "age1x", "--withdraw", "age1y"), Usage)


def test_the_runner_is_asked_for_a_plan_of_that_secret() -> None:
    request = Asked("push-token", ["virginia"]).request
    assert (request["action"], request["nodes"], request["options"]["secret"]) == ("rotate", ["virginia"], "push-token")

"""Acting as another user: the child really is that user, and failures come back as they were raised."""

import os
import pwd
import tempfile
from pathlib import Path

import pytest

from noc.fleet.errors import FleetProblems, Problem
from noc.hub.asuser import run_as_owner

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def refuse(file: Path) -> None:
    raise FleetProblems(file, [Problem(3, "name is missing", "add it")])


def test_our_own_directory_needs_nobody_else(tmp_path: Path) -> None:
    assert run_as_owner(tmp_path / "not" / "there", os.getpid) == os.getpid()


@ROOT_ONLY
def test_in_somebodys_directory_a_function_runs_as_that_user() -> None:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        assert run_as_owner(Path(directory, "new"), os.getresuid) == (nobody.pw_uid,) * 3
        assert run_as_owner(Path(directory), os.getgroups) == []


@ROOT_ONLY
def test_an_error_comes_back_with_all_that_it_knows() -> None:
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
        with pytest.raises(FleetProblems) as caught:
            run_as_owner(Path(directory), refuse, Path("fleet.toml"))
    assert [problem.line for problem in caught.value.problems] == [3]
    assert "fleet.toml:3: name is missing" in str(caught.value)

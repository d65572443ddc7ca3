"""One commit a run, of what runs write and of nothing else."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from noc.fleet.errors import RepositoryFailed
from noc.fleet.inventory import Inventory, load_inventory, save_inventory
from noc.fleet.load import load
from noc.fleet.render import render, write
from noc.fleet.repository import commit


def git(directory: Path, *args: str) -> str:
    run = subprocess.run(["git", "-C", directory, *args], capture_output=True, text=True, check=True, timeout=30)
    return run.stdout.strip()


@pytest.fixture
def directory(fleet_file: Callable[..., Path]) -> Path:
    directory = fleet_file()
    write(directory, render(load(directory), load_inventory(directory)))
    return directory


def test_the_first_commit_makes_the_repository_and_holds_the_fleet_file(directory: Path) -> None:
    commit(directory, "made")
    assert git(directory, "ls-files").splitlines() == [
        "fleet.toml",
        "nixos/base.nix",
        "nixos/flake.nix",
        "nixos/nodes/frankfurt.nix",
        "nixos/nodes/virginia.nix",
        "wireguard/peers.conf",
    ]


def test_the_commits_hash_is_returned(directory: Path) -> None:
    assert commit(directory, "made") == git(directory, "rev-parse", "HEAD")


def test_nothing_changed_is_no_commit(directory: Path) -> None:
    commit(directory, "made")
    assert commit(directory, "again") is None
    assert git(directory, "log", "--format=%s") == "made"


def test_the_identity_is_fixed(directory: Path) -> None:
    commit(directory, "made")
    assert git(directory, "log", "--format=%an <%ae> %cn") == "noc <noc@localhost> noc"


def test_what_a_person_edits_stays_the_persons_to_commit(directory: Path) -> None:
    commit(directory, "made")
    (directory / "fleet.toml").write_text((directory / "fleet.toml").read_text() + "# edited\n")
    git(directory, "add", "fleet.toml")
    save_inventory(directory, Inventory())
    commit(directory, "run 1")
    assert git(directory, "show", "--name-only", "--format=") == "inventory.toml"
    assert git(directory, "status", "--porcelain") == "M  fleet.toml"


def test_a_removed_file_is_committed_as_removed(directory: Path) -> None:
    commit(directory, "made")
    (directory / "nixos/nodes/virginia.nix").unlink()
    commit(directory, "virginia gone")
    assert "virginia.nix" not in git(directory, "ls-files")


def test_a_repository_around_the_directory_is_left_alone(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    inner = tmp_path / "fleet"
    inner.mkdir()
    (inner / "fleet.toml").write_text("")
    commit(inner, "made")
    assert git(inner, "log", "--format=%s") == "made"
    assert git(tmp_path, "status", "--porcelain") == "?? fleet/"


def test_a_hook_in_the_repository_does_not_run(directory: Path) -> None:
    commit(directory, "made")
    hook = directory / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {directory}/ran\n")
    hook.chmod(0o755)
    save_inventory(directory, Inventory())
    commit(directory, "run 1")
    assert not (directory / "ran").exists()


def test_gits_refusal_is_told_with_its_reason(directory: Path) -> None:
    commit(directory, "made")
    (directory / ".git/index.lock").write_text("")
    save_inventory(directory, Inventory())
    with pytest.raises(RepositoryFailed, match=r"git add in .* failed"):
        commit(directory, "run 1")

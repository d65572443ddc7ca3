"""The commands that make and move a NixOS system, to the letter; and making one, with programs put in Nix's place."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from noc.hosts import nixbuild
from noc.hosts.errors import BuildFailed, ClosureMissing, LockMissing
from noc.hosts.nixbuild import Remote
from noc.hosts.nixbuilder import Systems, run_measured

REMOTE = Remote("root@builder", Path("/keys/ssh_key"))
SSH = (
    *("ssh", "-i", "/keys/ssh_key", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"),
    *("-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=/etc/noc-trust/builder_known_hosts"),
    "root@builder",
)
NIX = ("nix", "--extra-experimental-features", "nix-command flakes")
STORE = "/nix/store/" + "0" * 32


def test_evaluation_is_bounded_and_makes_no_lock() -> None:
    assert nixbuild.evaluate("/etc/noc/nixos", "virginia", 3072) == (
        *("prlimit", "--as=3221225472", "--", *NIX, "eval", "--raw", "--no-update-lock-file", "--no-write-lock-file"),
        "path:/etc/noc/nixos#nixosConfigurations.virginia.config.system.build.toplevel.drvPath",
    )


def test_what_is_built_is_kept_by_a_root() -> None:
    drv = f"{STORE}-x.drv"
    assert nixbuild.realise(drv, "/roots/x") == ("nix-store", "--realise", drv, "--add-root", "/roots/x")
    assert nixbuild.realise(drv) == ("nix-store", "--realise", drv)


def test_another_builder_is_entered_by_our_key_and_its_known_host_alone() -> None:
    assert REMOTE.there(["nix-store", "--realise", "a b"]) == (*SSH, "nix-store --realise 'a b'")


def test_what_another_builder_made_is_taken_with_its_signatures() -> None:
    argv, variables = nixbuild.fetch(f"{STORE}-x", REMOTE)
    assert argv == (*NIX, "copy", "--from", "ssh://root@builder", f"{STORE}-x")
    assert "--no-check-sigs" not in argv
    assert variables["NIX_SSHOPTS"] == " ".join(SSH[1:-1])


def test_a_flake_goes_to_another_builder_whole(tmp_path: Path) -> None:
    assert nixbuild.send(tmp_path, REMOTE).startswith(
        f"set -o pipefail; tar -chf - -C {tmp_path} base.nix flake.nix flake.lock fleet.nix nodes | ssh "
    )


def test_only_what_a_node_lacks_is_sent_and_kept_from_collection_on_its_arrival() -> None:
    assert nixbuild.missing(["a", "b"]) == ("nix-store", "--check-validity", "--print-invalid", "a", "b")
    assert nixbuild.export(["/a b", "/c"], Path("/tmp/x y")) == "nix-store --export '/a b' /c >'/tmp/x y'"
    assert nixbuild.take("/var/tmp/x", f"{STORE}-x", "/root link").splitlines() == [
        "trap 'rm -f /var/tmp/x' EXIT",
        f"ln -sfn {STORE}-x '/root link'",
        "nix-store --import </var/tmp/x",
    ]


@pytest.mark.parametrize(
    ("said", "numbers"),
    [("nix (Nix) 2.8.0\n", (2, 8, 0)), ("nix (Nix) 2.26.3", (2, 26, 3)), ("nix (Nix) 2.19pre1", (2, 19)), ("no", ())],
)
def test_a_version_of_nix_is_read(said: str, numbers: tuple[int, ...]) -> None:
    assert nixbuild.version(said) == numbers


@pytest.fixture
def flake(tmp_path: Path) -> Path:
    directory = tmp_path / "nixos"
    (directory / "nodes").mkdir(parents=True)
    for name in (*nixbuild.FLAKE_FILES, "nodes/virginia.nix", "nodes/paris.nix"):
        (directory / name).write_text(name)
    return directory


def test_a_system_is_named_by_all_that_it_is_made_from_and_by_nothing_else(flake: Path) -> None:
    before = nixbuild.inputs(flake, "virginia")
    (flake / "nodes/paris.nix").write_text("other")
    assert nixbuild.inputs(flake, "virginia") == before
    for name in (*nixbuild.FLAKE_FILES, "nodes/virginia.nix"):
        (flake / name).write_text(f"{name} changed")
        assert nixbuild.inputs(flake, "virginia") != before
        before = nixbuild.inputs(flake, "virginia")


NIX_STORE = """#!/bin/sh
echo "nix-store $*" >>{log}
[ "$1" = --realise ] || exit 0
case $2 in *.drv) out={store}/$(basename "$2" .drv);; *) out=$2;; esac
mkdir -p "$out"
[ "$3" != --add-root ] || ln -sfn "$out" "$4"
echo "$out"
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs in the place of nix and nix-store, and what they were asked."""
    place, log, store = tmp_path / "bin", tmp_path / "log", tmp_path / "store"
    place.mkdir()
    (place / "nix").write_text(
        f'#!/bin/sh\necho nix >>{log}\nname=${{*%%.config*}}\nprintf %s "{store}/${{name##*.}}.drv"\n'
    )
    (place / "nix-store").write_text(NIX_STORE.format(log=log, store=store))
    for program in place.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return log


def said(log: Path) -> str:
    return log.read_text()


def systems(tmp_path: Path, builder: str = "hq") -> Systems:
    return Systems(builder, 3072, Path("/keys/ssh_key"), tmp_path / "closures")


async def test_a_system_is_made_once_and_again_when_what_it_is_made_from_changes(
    tmp_path: Path, flake: Path, log: Path
) -> None:
    made = systems(tmp_path)
    built = await made.make(flake, "virginia")
    assert (built.closure, made.closure(flake, "virginia")) == (f"{tmp_path}/store/virginia", built.closure)
    assert built.peak_bytes > 0
    await made.make(flake, "virginia")
    assert said(log).count("nix\n") == 1
    (flake / "flake.lock").write_text("newer")
    with pytest.raises(ClosureMissing, match="has changed since"):
        made.closure(flake, "virginia")
    await made.make(flake, "virginia")
    assert said(log).count("nix\n") == 2


async def test_two_evaluations_never_overlap(tmp_path: Path, flake: Path, log: Path) -> None:
    program = Path(os.environ["PATH"].split(":")[0]) / "nix"
    program.write_text(
        program.read_text()
        .replace("echo nix", f"sleep 0.1; echo end >>{log}; echo nix")
        .replace("#!/bin/sh\n", f"#!/bin/sh\necho begin >>{log}\n")
    )
    made = systems(tmp_path)
    await asyncio.gather(made.make(flake, "virginia"), made.make(flake, "paris"))
    words = [line for line in said(log).split() if line in ("begin", "end")]
    assert words == ["begin", "end", "begin", "end"]


async def test_without_a_lock_there_is_one_error_with_the_command_that_makes_it(tmp_path: Path, flake: Path) -> None:
    (flake / "flake.lock").unlink()
    with pytest.raises(LockMissing) as caught:
        await systems(tmp_path).make(flake, "virginia")
    assert f"flake lock path:{flake}" in caught.value.fix


async def test_an_evaluation_that_fails_says_its_last_words_and_what_it_held(
    tmp_path: Path, flake: Path, log: Path
) -> None:
    program = Path(os.environ["PATH"].split(":")[0]) / "nix"
    program.write_text("#!/bin/sh\necho 'error: no such option' >&2\nexit 1\n")
    with pytest.raises(BuildFailed) as caught:
        await systems(tmp_path).make(flake, "virginia")
    assert caught.value.what == "evaluate of virginia failed"
    assert "status 1, having held" in caught.value.why
    assert "no such option" in caught.value.why


async def test_a_missing_nix_is_named_with_what_brings_it(
    tmp_path: Path, flake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildFailed) as caught:
        await systems(tmp_path).make(flake, "virginia")
    assert caught.value.fix == "noc hub install --nix"


async def test_systems_that_are_brought_are_taken_as_they_are(tmp_path: Path, flake: Path) -> None:
    (tmp_path / "closures").mkdir()
    with pytest.raises(ClosureMissing):
        await systems(tmp_path, "ci").make(flake, "virginia")
    (tmp_path / "closures/virginia").symlink_to(tmp_path)
    assert (await systems(tmp_path, "ci").make(flake, "virginia")).closure == str(tmp_path)


async def test_what_runs_and_what_ran_before_is_kept_and_the_rest_collected(
    tmp_path: Path, flake: Path, log: Path
) -> None:
    made = systems(tmp_path)
    for number in (1, 2):
        (flake / "flake.lock").write_text(f"{number}")
        place = tmp_path / f"{number}"
        place.mkdir()
        await made.make(flake, "virginia")
        (tmp_path / "closures/virginia").unlink()
        (tmp_path / "closures/virginia").symlink_to(place)
        await made.proven("virginia")
        await made.proven("virginia")
    links = {name: str((tmp_path / "closures" / name).readlink()) for name in ("virginia.running", "virginia.before")}
    assert links == {"virginia.running": str(tmp_path / "2"), "virginia.before": str(tmp_path / "1")}
    await made.collect()
    assert said(log).splitlines()[-1] == "nix-store --gc --quiet"


def test_what_a_command_held_in_memory_is_measured() -> None:
    ran = run_measured([sys.executable, "-c", "x = bytearray(100 << 20)"], 30)
    assert (ran.status, ran.peak_bytes > 100 << 20) == (0, True)


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started() -> None:
    assert run_measured(["sh", "-c", "sleep 60 & wait"], 0.2).status == -9


def test_the_bound_on_memory_binds() -> None:
    argv = nixbuild.evaluate("/x", "y", 200)[:3]
    done = subprocess.run([*argv, sys.executable, "-c", "bytearray(400 << 20)"], capture_output=True, check=False)
    assert b"MemoryError" in done.stderr


def test_what_was_made_is_told_in_a_file_beside_its_link(tmp_path: Path, flake: Path, log: Path) -> None:
    asyncio.run(systems(tmp_path).make(flake, "virginia"))
    said = json.loads((tmp_path / "closures/virginia.json").read_text())
    assert said["inputs"] == nixbuild.inputs(flake, "virginia")

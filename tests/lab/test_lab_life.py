"""A lab's beginning and end: nothing is left behind, however it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from noc.lab import control, images
from noc.lab.errors import BootFailed, ImageFailed, LabBusy, LabDown
from noc.lab.lab import Lab
from noc.lab.places import Places
from noc.lab.recipe import Recipe
from noc.lab.sources import Distribution, Source, distribution

Until = Callable[..., None]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Lab]:
    """A lab of the test's own, beside the one that the other tests share."""
    lab = Lab(Places(state=tmp_path / "state", cache=Places.default().cache))
    yield lab
    lab.down()


def groups_of(lab: str) -> list[Path]:
    return list(Path("/sys/fs/cgroup").rglob(f"noclab-{lab}"))


def processes_of(places: Places) -> list[str]:
    """Command lines of processes that name the lab's directory, nspawn's and the supervisor's among them."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in lines if str(places.state) in line]


def what_is_left(places: Places) -> list[str]:
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(places.state) in line]
    links = subprocess.run(["ip", "-o", "link"], check=True, capture_output=True, text=True).stdout
    names = subprocess.run(["ip", "netns"], check=True, capture_output=True, text=True).stdout
    interfaces = [line for line in (links + names).splitlines() if "port2" in line or "noclab" in line]
    return mounts + interfaces + processes_of(places)


def test_down_leaves_nothing(own: Lab) -> None:
    own.up(["virginia"])
    identity = own.status()["lab"]
    assert groups_of(identity)
    own.down()
    assert what_is_left(own.places) == []
    assert groups_of(identity) == []
    assert not own.places.state.exists()
    with pytest.raises(LabDown):
        own.status()


def test_a_killed_supervisor_takes_everything_with_it_and_up_begins_anew(own: Lab, until: Until) -> None:
    own.up(["virginia"])
    first = own.status()
    inits = [row["pid"] for row in first["machines"]]
    supervisor = control.process_behind(own.places.socket)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: what_is_left(own.places) == [])
    assert not any(Path(f"/proc/{pid}").exists() for pid in inits)
    own.up(["virginia"])
    assert own.status()["lab"] != first["lab"]
    assert groups_of(first["lab"]) == []


def test_down_after_a_crash_leaves_nothing(own: Lab, until: Until) -> None:
    own.up([])
    identity = own.status()["lab"]
    supervisor = control.process_behind(own.places.socket)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: what_is_left(own.places) == [])
    own.down()
    assert groups_of(identity) == []
    assert not own.places.state.exists()


def test_up_again_with_the_same_machines_changes_nothing_and_with_others_is_refused(own: Lab) -> None:
    own.up(["virginia"])
    before = own.status()["lab"]
    own.up(["virginia"])
    assert own.status()["lab"] == before
    with pytest.raises(LabBusy, match="virginia"):
        own.up(["frankfurt"])


def test_the_whole_fleet_boots(own: Lab) -> None:
    own.up(["all"])
    machines = own.status()["machines"]
    assert {row["state"] for row in machines} == {"running"}
    assert len(machines) == 22, "HQ, 20 nodes and the internet"
    assert len({row["boot_id"] for row in machines}) == 22


def test_an_up_that_fails_says_why_and_leaves_nothing(own: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr("noc.lab.launch.START_S", 0.5)
    with pytest.raises(BootFailed, match="did not start"):
        own.up(["virginia"])
    assert what_is_left(own.places) == []
    assert not own.places.state.exists()


def test_a_killed_build_leaves_no_process_and_the_next_one_clears_its_half_image(tmp_path: Path, until: Until) -> None:
    script = f"from pathlib import Path; from noc.lab.images import *; ensure_images(Path('{tmp_path}/cache'), print)"
    builder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    places = Places(state=tmp_path / "cache", cache=tmp_path / "cache")
    until(lambda: any("debootstrap" in line for line in processes_of(places)))
    builder.kill()
    builder.wait()
    until(lambda: processes_of(places) == [])
    assert list(places.cache.glob("building-*"))
    (places.cache / Recipe(distribution(), os.uname().machine).digest).mkdir()
    images.ensure_images(places.cache, lambda _: None)
    assert not list(places.cache.glob("building-*"))


def test_a_failed_build_leaves_no_half_image(tmp_path: Path) -> None:
    archive = Source((tmp_path / "no-archive").as_uri(), "bookworm", ("main",))
    recipe = Recipe(Distribution("bookworm", (archive,)), "x86_64")
    with pytest.raises(ImageFailed):
        images.make(recipe, tmp_path / "cache" / recipe.digest, lambda _: None)
    assert list((tmp_path / "cache").iterdir()) == []

"""Finding and clearing control groups."""

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

from noc.lab import cgroups

HYBRID = """30 20 0:26 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro
31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 / /sys/fs/cgroup/memory rw shared:11 master:3 - cgroup cgroup rw,memory
"""
UNIFIED = "31 30 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"


def test_on_a_hybrid_machine_systemd_s_and_the_unified_hierarchy_are_used() -> None:
    found = cgroups.bases(HYBRID, "9:name=systemd:/a\n4:memory:/b\n0::/c\n")
    assert found == (Path("/sys/fs/cgroup/unified/c"), Path("/sys/fs/cgroup/systemd/a"))


def test_on_a_unified_machine_there_is_one() -> None:
    assert cgroups.bases(UNIFIED, "0::/user.slice/x\n") == (Path("/sys/fs/cgroup/user.slice/x"),)


def test_the_first_process_of_a_machine_is_its_init_whatever_numbers_others_beside_it_have(tmp_path: Path) -> None:
    scope = tmp_path / "payload/init.scope"
    assert cgroups.first_process([tmp_path]) is None
    scope.mkdir(parents=True)
    (scope / "cgroup.procs").write_text("")
    assert cgroups.first_process([tmp_path]) is None
    for pid, inside in (("417", "1"), ("42", "31"), ("5", "7")):
        (tmp_path / "proc" / pid).mkdir(parents=True)
        (tmp_path / "proc" / pid / "status").write_text(f"Name:\tx\nNSpid:\t{pid}\t{inside}\nThreads:\t1\n")
    (scope / "cgroup.procs").write_text("5\n417\n42\n9\n")
    assert cgroups.first_process([tmp_path], tmp_path / "proc") == 417


def test_the_kernel_tells_which_process_is_the_first_of_its_namespace(tmp_path: Path) -> None:
    scope = tmp_path / "payload/init.scope"
    scope.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as other:
        (scope / "cgroup.procs").write_text(str(other.pid))
        found = cgroups.first_process([tmp_path])
        other.kill()
    assert found is None


def test_removing_goes_from_the_inside_out_and_bears_with_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "lab/a/payload/b").mkdir(parents=True)
    cgroups.remove([tmp_path / "lab", tmp_path / "never"])
    assert list(tmp_path.iterdir()) == []


def test_a_group_in_use_stays(tmp_path: Path) -> None:
    (tmp_path / "lab/a").mkdir(parents=True)
    (tmp_path / "lab/a/busy").touch()
    cgroups.remove([tmp_path / "lab"])
    assert (tmp_path / "lab/a").is_dir()


def test_no_process_of_a_machine_whose_plug_is_pulled_sees_another_one_end(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    script = f"read _ <&0 || touch {tmp_path}/seen-$$"  # the pipe ends with the one process that may write to it
    (tmp_path / "group/payload").mkdir(parents=True)
    with ExitStack() as stack:
        holder = stack.enter_context(subprocess.Popen(["sleep", "60"], pass_fds=[writing], start_new_session=True))
        os.close(writing)
        watchers = [stack.enter_context(subprocess.Popen(["sh", "-c", script], stdin=reading)) for _ in range(20)]
        os.close(reading)
        pids = [str(process.pid) for process in (holder, *watchers)]
        (tmp_path / "group/payload/cgroup.procs").write_text("\n".join(pids))
        cgroups.kill([tmp_path / "group"])
        assert {process.wait(10) for process in (holder, *watchers)} == {-9}
    assert list(tmp_path.glob("seen-*")) == []

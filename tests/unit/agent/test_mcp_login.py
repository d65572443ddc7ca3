"""As whom `noc mcp` runs: real users of a machine within this one, and a runner that asks the kernel who they are."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from agent_kit import PLAN
from noc.agent.doors.actor import AGENT
from noc.agent.mcp.user import handed_on
from page_runner_kit import PageRunner

MACHINE = """
mount --bind "$0" /etc/passwd; mount -t tmpfs -o mode=755 none /mnt; cd /mnt; mkdir prefix src base hq
mount --bind "$1" prefix; mount --bind "$2" src; mount --bind "$3" base; mount --bind "$4" hq
case "$3" in /root/*) mount -t tmpfs -o mode=755 none /root; mkdir -p "$3"; mount --bind /mnt/base "$3";; esac
shift 4; exec "$@"
"""
"""Where HQ's files and noc, with the Python below it, can be reached by everybody."""
LIES = (sys.prefix, str(Path(__file__).parents[3] / "src"), sys.base_prefix)
PYTHON = f"/mnt/prefix/bin/{Path(sys.executable).name}"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": "/mnt/src",
    "NOC_FLEET": "/mnt/hq/fleet",
    "NOC_RUNNER_SOCKET": "/mnt/hq/runner.sock",
    "NOC_WATCH_SOCKET": "/mnt/hq/watch.sock",
    "SECRET_OF_ROOT": "x",
}
NOC = "import sys; sys.argv = ['noc', 'mcp']; from noc.cli.main import run; run()"
WHO = """
from noc.agent.mcp.user import become_agent; become_agent()
import json, os; print(json.dumps([os.getresuid(), os.getresgid(), os.getgroups(), list(os.environ)]))
"""
UID = 990
ROOT = "root:x:0:0::/root:/bin/sh\n"
USERS = f"{ROOT}{AGENT}:x:{UID}:{UID}::/:/bin/false\njohan:x:1000:1000::/:/bin/sh\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can have other users")


def beside(runner: PageRunner, users: str, *prefix: str, program: str = NOC) -> list[str]:
    """The command that runs a program on a machine with these users, beside a runner."""
    hq = runner.paths.fleet.parent
    (hq / "passwd").write_text(users)
    places = [str(hq / "passwd"), *LIES, str(hq)]
    return ["unshare", "--mount", "sh", "-ec", MACHINE, *places, *prefix, PYTHON, "-c", program]


def ended(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """What becomes of it with nobody at its standard input."""
    nobody = subprocess.DEVNULL
    return subprocess.run(command, stdin=nobody, capture_output=True, env=ENVIRONMENT, timeout=60, check=False)


def test_without_the_agents_user_the_server_does_not_start(runner: PageRunner) -> None:
    found = ended(beside(runner, ROOT))
    assert (found.returncode, found.stdout) == (5, b"")
    assert b"NOC-E863" in found.stderr


def test_a_person_cannot_serve_a_model_and_is_told_the_line_that_does(runner: PageRunner) -> None:
    found = ended(beside(runner, USERS, "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"))
    assert (found.returncode, found.stdout) == (5, b"")
    assert b"ssh -T root@HQ noc mcp" in found.stderr


def test_root_becomes_the_agent_for_good_and_hands_nothing_of_its_own_on(runner: PageRunner) -> None:
    found = ended(beside(runner, USERS, program=WHO))
    assert found.returncode == 0, found.stderr
    uids, gids, groups, names = json.loads(found.stdout)
    assert (uids, gids, groups) == ([UID] * 3, [UID] * 3, [UID])
    assert "SECRET_OF_ROOT" not in names


async def test_the_runner_knows_by_the_kernels_word_that_a_model_asks(
    runner: PageRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = pwd.getpwuid
    agent = pwd.struct_passwd((AGENT, "x", UID, UID, "", "/", "/bin/false"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: agent if uid == UID else known(uid))
    runner.paths.runner_socket.chmod(0o666)  # group noc on HQ
    command, *args = beside(runner, USERS)
    async with Client(StdioServerParameters(command=command, args=args, env=ENVIRONMENT)) as client:
        plan = (await client.call_tool("plan_create", PLAN)).structured_content
        started = (await client.call_tool("run_start", {"digest": plan["digest"]})).structured_content
    assert started["state"] == "needs_approval"
    assert [each["requester"] for each in runner.client.ask("pending")["requests"]] == [AGENT]


def test_what_root_has_in_its_environment_stays_with_root() -> None:
    kept = handed_on({"PATH": "/bin", "NOC_FLEET": "/f", "LC_ALL": "C", "SSH_AUTH_SOCK": "/s", "AWS_SECRET_KEY": "x"})
    assert kept == {"PATH": "/bin", "NOC_FLEET": "/f", "LC_ALL": "C"}

"""The MCP server as a process of its own, spoken to by the SDK's client over standard input and output."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from agent_kit import PLAN
from noc.agent.doors.house import House
from noc.agent.mcp.server import MAX_MESSAGE
from noc.agent.mcp.user import handed_on

SERVE = (
    "from noc.agent.doors.house import House; from noc.agent.mcp.server import serve; serve(House.from_environment())"
)
NOC = "import sys; sys.argv = ['noc', 'mcp']; from noc.cli.main import run; run()"
WHO = """
from noc.agent.mcp.user import become_agent; become_agent()
import json, os; print(json.dumps([os.getresuid(), os.getresgid(), os.getgroups(), list(os.environ)]))
"""
MACHINE = """
mount --bind "$0" /etc/passwd; mount -t tmpfs -o mode=755 none /mnt; mkdir /mnt/prefix /mnt/src /mnt/base
mount --bind "$1" /mnt/prefix; mount --bind "$2" /mnt/src; mount --bind "$3" /mnt/base
case "$3" in /root/*) mount -t tmpfs -o mode=755 none /root; mkdir -p "$3"; mount --bind /mnt/base "$3";; esac
shift 3; exec "$@"
"""
"""Where noc, and the Python below it, can be reached by everybody, as on HQ."""
SOURCE = Path(__file__).parents[3] / "src"
LIES = (sys.prefix, SOURCE, sys.base_prefix)
PYTHON = f"/mnt/prefix/bin/{Path(sys.executable).name}"
ROOT = "root:x:0:0::/root:/bin/sh\n"
USERS = f"{ROOT}noc-agent:x:990:990::/:/bin/false\njohan:x:1000:1000::/:/bin/sh\n"


def environment(hq: House) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SOURCE),
        "NOC_FLEET": str(hq.directory),
        "NOC_RUNNER_SOCKET": str(hq.runner_socket),
        "NOC_WATCH_SOCKET": str(hq.watch_socket),
    }


async def test_a_process_serves_a_client_from_plan_to_needs_approval(hq: House) -> None:
    server = StdioServerParameters(command=sys.executable, args=["-c", SERVE], env=environment(hq))
    async with Client(server) as client:
        assert len((await client.list_tools()).tools) == 14
        plan = (await client.call_tool("plan_create", PLAN)).structured_content
        started = (await client.call_tool("run_start", {"digest": plan["digest"]})).structured_content
    assert started["state"] == "needs_approval"


def test_standard_output_is_the_protocol_alone_and_its_end_ends_the_server(hq: House) -> None:
    said = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\nnot json\n'
    ended = subprocess.run(
        [sys.executable, "-c", SERVE], input=said, capture_output=True, env=environment(hq), timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert all(line.startswith(b'{"jsonrpc":"2.0"') for line in ended.stdout.splitlines()), ended.stdout


def test_a_message_without_end_ends_the_server(hq: House) -> None:
    said = b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "more": "' + b"x" * MAX_MESSAGE
    ended = subprocess.run(
        [sys.executable, "-c", SERVE], input=said, capture_output=True, env=environment(hq), timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, b"")
    assert b"a message of more than 1048576 bytes" in ended.stderr


def test_without_the_agents_user_the_server_does_not_start(hq: House) -> None:
    ended = in_a_machine_of(hq, ROOT)
    assert (ended.returncode, ended.stdout) == (5, b"")
    assert b"NOC-E863" in ended.stderr


def test_a_person_cannot_serve_a_model_and_is_told_the_line_that_does(hq: House) -> None:
    ended = in_a_machine_of(hq, USERS, "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups")
    assert (ended.returncode, ended.stdout) == (5, b"")
    assert b"ssh -T root@HQ noc mcp" in ended.stderr


def test_root_becomes_the_agent_for_good_and_hands_nothing_of_its_own_on(hq: House) -> None:
    ended = in_a_machine_of(hq, USERS, program=WHO)
    assert ended.returncode == 0, ended.stderr
    uids, gids, groups, names = json.loads(ended.stdout)
    assert (uids, gids, groups) == ([990] * 3, [990] * 3, [990])
    assert "SECRET_OF_ROOT" not in names


def in_a_machine_of(hq: House, users: str, *prefix: str, program: str = NOC) -> subprocess.CompletedProcess[bytes]:
    """Run a program where these are the users, and nobody is at its standard input."""
    if os.geteuid() != 0:
        pytest.skip("only root can have other users")
    passwd = hq.directory.with_name("passwd")
    passwd.write_text(users)
    return subprocess.run(
        ["unshare", "--mount", "sh", "-ec", MACHINE, passwd, *LIES, *prefix, PYTHON, "-c", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**environment(hq), "PYTHONPATH": "/mnt/src", "SECRET_OF_ROOT": "x"},
        timeout=60,
        check=False,
    )


def test_what_root_has_in_its_environment_stays_with_root() -> None:
    kept = handed_on({"PATH": "/bin", "NOC_FLEET": "/f", "LC_ALL": "C", "SSH_AUTH_SOCK": "/s", "AWS_SECRET_KEY": "x"})
    assert kept == {"PATH": "/bin", "NOC_FLEET": "/f", "LC_ALL": "C"}

"""The MCP server as a process of its own, spoken to by the SDK's client over standard input and output."""

import os
import subprocess
import sys
from pathlib import Path

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from agent_kit import PLAN
from noc.agent.doors.house import House
from noc.agent.mcp.server import MAX_MESSAGE

SERVE = (
    "from noc.agent.doors.house import House; from noc.agent.mcp.server import serve; serve(House.from_environment())"
)
SOURCE = Path(__file__).parents[3] / "src"


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

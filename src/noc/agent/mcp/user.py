"""As whom the MCP server runs: the login by which the runner knows that a model asks."""

import os
import pwd
import sys
from collections.abc import Mapping

from noc.agent.doors.actor import AGENT
from noc.agent.errors import NotTheAgent

_FIX = "as root on HQ: noc mcp; from a laptop: ssh -T root@HQ noc mcp, as the command that the client starts"
_KEPT = ("PATH", "LANG", "TZ", "PYTHONPATH")


def become_agent() -> None:
    """Go on as noc-agent only. Root begins this very command anew as that user, with nothing of root's environment.

    Raises:
        NotTheAgent: it is somebody else, or HQ has no such user.
    """
    try:
        agent = pwd.getpwnam(AGENT)
    except KeyError:
        raise NotTheAgent(f"there is no user {AGENT} here", fix="on HQ, as root: noc hub install") from None
    if os.geteuid() == agent.pw_uid:
        return
    if os.geteuid() != 0:
        name = pwd.getpwuid(os.geteuid()).pw_name
        raise NotTheAgent(f"{name} cannot serve a model", why=f"the server runs as {AGENT} alone", fix=_FIX)
    os.chdir("/")
    os.umask(0o077)
    os.initgroups(AGENT, agent.pw_gid)
    os.setresgid(agent.pw_gid, agent.pw_gid, agent.pw_gid)
    os.setresuid(agent.pw_uid, agent.pw_uid, agent.pw_uid)
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], handed_on(os.environ))  # noqa: S606 - no shell


def handed_on(environment: Mapping[str, str]) -> dict[str, str]:
    """What of root's environment the server gets: where programs lie, and which sockets and fleet noc uses."""
    return {name: value for name, value in environment.items() if name in _KEPT or name.startswith(("NOC_", "LC_"))}

"""The command as an operator gives it, in a process of its own, against the runner of a house."""

import os
import subprocess
import sys

from runner_house import House

NOC = (sys.executable, "-c", "from noc.cli.main import run; run()")


def environment(house: House) -> dict[str, str]:
    """What leads a command to a house's runner and files."""
    paths = house.paths
    named = {"NOC_RUNNER_SOCKET": paths.runner_socket, "NOC_RUNS": paths.runs, "NOC_FLEET": paths.fleet}
    return {**os.environ, **{name: str(path) for name, path in named.items()}, "COLUMNS": "200", "TERM": "xterm"}


def begin(house: House, *args: str) -> "subprocess.Popen[str]":
    """Start a command, and leave it running."""
    pipe = subprocess.PIPE
    return subprocess.Popen([*NOC, *args], env=environment(house), stdout=pipe, stderr=pipe, text=True)


def noc(house: House, *args: str) -> tuple[int, str, str]:
    """Give a command; returns its exit code, stdout and stderr."""
    with begin(house, *args) as process:
        out, err = process.communicate(timeout=30)
    return process.returncode, out, err

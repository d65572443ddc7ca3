"""A process of its own for what must outlive the connection that asked for it."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence

from .layout import Layout
from .state import Refused

ISOLATED = ("-I", "-S")
"""Python's options for us: nothing of a user's, and no packages, whose search would cost half of the start."""


def launch(layout: Layout, template: Sequence[str], run: str, *verb: str) -> None:
    """Start the activator with a verb through the layout's template. Raises Refused("launch")."""
    me = [sys.executable, *ISOLATED, os.path.abspath(sys.argv[0])]  # noqa: PTH100 - a link stays a link
    me += ["--layout", layout.file] if layout.file else []
    prefix = [part.format(run=run, recover=shlex.join([*me, "recover", run])) for part in template]
    done = subprocess.run([*prefix, *me, *verb], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise Refused("launch", f"no process could be started for it: {done.stderr.strip()[-300:]}")

"""What a process that is gone has left behind is brought to its verdict: by systemd, by HQ's next word, or at boot."""

import subprocess
from typing import Any

from .activation import Activation
from .configuration import runs
from .launch import launch
from .layout import Layout
from .state import Pending, Refused, locked, read_pending
from .verdict import FINAL, read_verdict


def recover(layout: Layout, run: str) -> dict[str, Any]:
    """Finish a run whose process ended early, unless the whole system is stopping: then it is left to the boot."""
    stopping = subprocess.run(layout.stopping, capture_output=True, text=True, timeout=30, check=False)
    if stopping.stdout.strip() == "stopping":
        return {"ok": True, "left_to": "settle"}
    with locked(layout, within=10):
        finish(layout, run)
    return read_verdict(layout, run)


def finish(layout: Layout, run: str) -> None:
    """Bring a run whose process is gone to its verdict, whatever state it ended in; the lock is held."""
    recover_pending(layout)
    left = read_verdict(layout, run)
    if left["state"] not in FINAL:
        reason = "ended: the activation ended before it had changed anything"
        Activation(layout, Pending(run, left["old"], left["new"], 0, 0)).tell("refused", reason)


def recover_pending(layout: Layout) -> None:
    """Bring an unsettled activation to its verdict; the lock is held."""
    if (pending := read_pending(layout)) is None:
        return
    activation = Activation(layout, pending)
    if activation.confirmed:
        activation.accept()
    else:
        activation.roll_back(pending.rolling_back or "the activator ended before HQ had confirmed")


def settle_at_boot(layout: Layout) -> dict[str, Any]:
    """Put what was before in place before the service starts; proving it is left to a unit that starts after it."""
    with locked(layout):
        if (pending := read_pending(layout)) is None:
            return {"ok": True, "settled": None}
        activation = Activation(layout, pending)
        if activation.confirmed and not _lost_its_system(layout, pending):
            activation.accept()
        else:
            activation.intend(pending.rolling_back or "the node restarted before HQ had confirmed")
            activation.change_back_at_boot()
            launch(layout, layout.launch_recovery, pending.run, "recover", pending.run)
    return {"ok": True, "settled": pending.run}


def _lost_its_system(layout: Layout, pending: Pending) -> bool:
    """Whether the node started with the NixOS system from before: the new one was confirmed, and not yet kept."""
    try:
        return bool(pending.config_new) and not runs(layout, str(pending.config_new))
    except Refused:
        return True

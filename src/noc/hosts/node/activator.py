"""The activator: makes this node run another release, proves it, and takes it back unless HQ confirms.

Standard library only, Python 3.11 or newer, run as root. The work is done by a process of its own (`act`, a transient
unit), so that it outlives the connection that asked for it; what happened is written to `verdicts/<run>.json` at every
state, and nowhere else. Whatever ends that process early, `recover` (the transient unit's ExecStopPost) or `settle`
(at boot, before the service) turns an unconfirmed release back.

Every verb prints one JSON document; status 0 means done, 1 refused or failed.
"""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from .activation import FINAL, Activation
from .database import check_room
from .layout import Layout, load_layout
from .release import MANIFEST, PAYLOAD, SIGNATURE, check_release, identity
from .service import TICK_S
from .state import Pending, Refused, current, flip, locked, proven, read_json, read_pending, write_json

ANSWER_WITHIN_S = 150


def facts(layout: Layout, _: argparse.Namespace) -> dict[str, Any]:
    """What runs, what is proven, what lies ready, and how much room there is."""
    now, pending = current(layout), read_pending(layout)
    complete = [
        path.name
        for path in layout.release("").glob("*")
        if all((path / name).is_file() for name in (PAYLOAD, MANIFEST, SIGNATURE))
    ]
    return {
        "current": now,
        "version": identity(layout, now).get("version") if now else None,
        "fence": read_json(layout, "fence") or 0,
        "pending": pending.run if pending else None,
        "proven": [entry["sha"] for entry in proven(layout)],
        "disk_free_bytes": shutil.disk_usage(layout.root).free,
        "memory_free_bytes": _memory_free(),
        "releases": sorted(complete),
    }


def _memory_free() -> int:
    with open("/proc/meminfo") as file:  # noqa: PTH123 - one line of one file
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))


def verify(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Whether a staged release may run here."""
    return {"ok": True, "manifest": check_release(layout, args.sha)}


def start(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Check what can be checked at once, and hand the order to a process of its own."""
    with locked(layout):
        recover_pending(layout)
        fence = read_json(layout, "fence") or 0
        if args.fence < fence:
            raise Refused("fence", f"a run with fence {fence} has acted here since; this one has {args.fence}")
        check_room(layout)
        write_json(layout, "fence", args.fence)
        layout.state(f"answers/{args.run}.json").unlink(missing_ok=True)
        order = Pending(args.run, current(layout), args.sha, args.confirm_within, args.health_within)
        activation = Activation(layout, order)
        activation.tell("staged", log=[])
        try:
            _launch(layout.launch, args, "act", args.sha, *_options(args))
        except Refused as no:
            activation.tell("refused", f"{no.code}: {no}", log=[])
            raise
    return {"ok": True, "run": args.run}


def _options(args: argparse.Namespace) -> list[str]:
    options = ["--run", args.run, "--fence", str(args.fence), "--confirm-within", str(args.confirm_within)]
    return [*options, "--health-within", str(args.health_within), *(["--replace"] if args.replace else [])]


def _launch(template: Sequence[str], args: argparse.Namespace, *verb: str) -> None:
    me = [sys.executable, os.path.abspath(sys.argv[0])]  # noqa: PTH100 - a link stays a link
    me += ["--layout", args.layout] if args.layout else []
    prefix = [part.format(run=args.run, recover=shlex.join([*me, "recover", args.run])) for part in template]
    done = subprocess.run([*prefix, *me, *verb], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise Refused("launch", f"no process could be started for it: {done.stderr.strip()[-300:]}")


def act(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """The work itself, in a process that nobody waits for."""
    order = Pending(args.run, current(layout), args.sha, args.confirm_within, args.health_within)
    activation = Activation(layout, order)
    try:
        with locked(layout, within=10):
            activation.act(replacing=args.replace)
    except Refused as no:
        # Who took it back in the meantime has written the verdict.
        if _verdict(layout, args.run)["state"] not in FINAL:
            activation.tell("refused", f"{no.code}: {no}", log=[])
    return _verdict(layout, args.run)


def status(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """The verdict, as soon as its state is another than the one that is known."""
    return _await(layout, args.run, {args.known} if args.known else set(), args.wait)


def _verdict(layout: Layout, run: str) -> dict[str, Any]:
    verdict: dict[str, Any] | None = read_json(layout, f"verdicts/{run}.json")
    if verdict is None:
        raise Refused("unknown", f"this node knows nothing of run {run}")
    return verdict


def _await(layout: Layout, run: str, leaving: set[str], seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while (verdict := _verdict(layout, run))["state"] in leaving - set(FINAL) and time.monotonic() < deadline:
        time.sleep(TICK_S)
    return verdict


def confirm(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """HQ's yes; the verdict says whether it came in time."""
    state = _verdict(layout, args.run)["state"]
    if state in {"staged", "activating"}:
        raise Refused("early", f"run {args.run} is still {state}: there is nothing to confirm yet")
    if state == "activated":
        write_json(layout, f"answers/{args.run}.json", {"answer": "confirm"})
    return _await(layout, args.run, {"activated"}, ANSWER_WITHIN_S)


def revert(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """HQ's no; the verdict says whether the old release is proven again."""
    if _verdict(layout, args.run)["state"] not in FINAL:
        write_json(layout, f"answers/{args.run}.json", {"answer": "revert", "reason": args.reason[:500]})
        # Where nobody holds the lock, nobody would heed the answer: the process is gone, and we finish its work.
        with contextlib.suppress(Refused), locked(layout):
            finish(layout, args.run)
    return _await(layout, args.run, {"staged", "activating", "activated"}, ANSWER_WITHIN_S)


def recover(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Finish what an activation that ended early has left: called when its process is gone, and after `settle`."""
    stopping = subprocess.run(layout.stopping, capture_output=True, text=True, timeout=30, check=False)
    if stopping.stdout.strip() == "stopping":
        return {"ok": True, "left_to": "settle"}
    with locked(layout, within=10):
        finish(layout, args.run)
    return _verdict(layout, args.run)


def finish(layout: Layout, run: str) -> None:
    """Bring a run whose process is gone to its verdict, whatever state it ended in; the lock is held."""
    recover_pending(layout)
    left = _verdict(layout, run)
    if left["state"] not in FINAL:
        reason = "ended: the activation ended before it had changed anything"
        Activation(layout, Pending(run, left["old"], left["new"], 0, 0)).tell("refused", reason, log=[])


def recover_pending(layout: Layout) -> None:
    """Bring an unsettled activation to its verdict; the lock is held."""
    if (pending := read_pending(layout)) is None:
        return
    activation = Activation(layout, pending)
    if activation.confirmed:
        activation.accept()
    else:
        activation.roll_back(pending.rolling_back or "the activator ended before HQ had confirmed")


def settle_at_boot(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Put the old release in place before the service starts; proving it is left to a unit that starts after it."""
    with locked(layout):
        if (pending := read_pending(layout)) is None:
            return {"ok": True, "settled": None}
        activation = Activation(layout, pending)
        if activation.confirmed:
            activation.accept()
        else:
            activation.intend(pending.rolling_back or "the node restarted before HQ had confirmed")
            flip(layout, pending.old)
            args.run = pending.run
            _launch(layout.launch_recovery, args, "recover", pending.run)
    return {"ok": True, "settled": pending.run}


VERBS = {
    "facts": facts,
    "verify": verify,
    "start": start,
    "act": act,
    "status": status,
    "confirm": confirm,
    "revert": revert,
    "recover": recover,
    "settle": settle_at_boot,
}
DONE = {"confirm": "confirmed", "revert": "rolled-back"}


def _sha(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError("not a SHA-256 in lower-case hex")
    return text


def _run(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", text):
        raise argparse.ArgumentTypeError("not the id of a run")
    return text


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the arguments; exits with 2 on a mistake."""
    parser = argparse.ArgumentParser(prog="activator.py", description="Changes the release that this node runs.")
    parser.add_argument("--layout", help="a JSON file that names other places and commands")
    verbs = parser.add_subparsers(dest="verb", required=True)
    made = {name: verbs.add_parser(name, help=(verb.__doc__ or "").splitlines()[0]) for name, verb in VERBS.items()}
    for name in ("verify", "start", "act"):
        made[name].add_argument("sha", type=_sha)
    for name in ("start", "act"):
        made[name].add_argument("--run", type=_run, required=True)
        made[name].add_argument("--fence", type=int, required=True)
        made[name].add_argument("--confirm-within", type=float, required=True, metavar="SECONDS")
        made[name].add_argument("--health-within", type=float, default=30.0, metavar="SECONDS")
        made[name].add_argument("--replace", action="store_true")
    for name in ("status", "confirm", "revert", "recover"):
        made[name].add_argument("run", type=_run)
    made["status"].add_argument("--wait", type=float, default=0.0, metavar="SECONDS")
    made["status"].add_argument("--not", dest="known", metavar="STATE")
    made["revert"].add_argument("--reason", default="no reason given")
    return parser.parse_args(argv)


def answer(argv: Sequence[str]) -> tuple[int, dict[str, Any]]:
    """Do one verb: the status to exit with, and the document to print."""
    args = parse(argv)
    try:
        said = VERBS[args.verb](load_layout(args.layout), args)
    except Refused as no:
        return 1, {"ok": False, "code": no.code, "why": str(no)}
    except (OSError, subprocess.SubprocessError) as error:
        return 1, {"ok": False, "code": "system", "why": str(error)}
    return int(args.verb in DONE and said["state"] != DONE[args.verb]), said


def main() -> None:
    """Do one verb as a program."""
    status, said = answer(sys.argv[1:])
    sys.stdout.write(json.dumps(said) + "\n")
    sys.exit(status)

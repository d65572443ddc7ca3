"""The activator: changes what this node runs, proves it, and takes it back unless HQ confirms.

Standard library only, Python 3.11 or newer, run as root. The work is done by a process of its own (`act`, a transient
unit), so that it outlives the connection that asked for it; what happened is written to `verdicts/<run>.json` at every
state, and nowhere else. Whatever ends that process early, `recover` (the transient unit's ExecStopPost) or `settle`
(at boot, before the service) turns an unconfirmed change back.

Every verb prints one JSON document; status 0 means done, 1 refused or failed. `serve` answers the same verbs as JSON
lines, many over one connection.
"""

import argparse
import contextlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from . import staging
from .arguments import parse
from .database import check_room
from .facts import node_facts
from .launch import launch
from .layout import Layout, load_layout
from .order import Order, check_connection, check_fence, raise_fence, read_order, say, say_go, write_order
from .release import check_release
from .session import Session
from .state import Refused, locked, read_pending
from .verdict import FINAL, await_verdict, read_verdict
from .wanted import compare as compare_files
from .wanted import parse_hashes, read_wanted

ANSWER_WITHIN_S = 150
ARMED_WITHIN_S = 60
TIDYING_S = 5
USAGE = 2
DONE = {"confirm": "confirmed", "revert": "rolled-back"}


def facts(layout: Layout, _: argparse.Namespace) -> dict[str, Any]:
    """What runs, what is proven, what lies ready, and how much room there is."""
    return node_facts(layout)


def verify(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Whether a staged release, configuration and set of packages may run here."""
    if args.config:
        read_wanted(layout, args.config)
    if args.system:
        from . import system  # noqa: PLC0415 - few questions are about packages

        system.check(layout, args.system)
    return {"ok": True, "manifest": check_release(layout, args.sha) if args.sha else {}}


def offer(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Take a release's manifest and signature, and say whether its payload is here."""
    return staging.offer(layout, args.sha, args.manifest, args.signature)


def compare(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """At which paths the node is not as it should be."""
    return {"ok": True, "differing": compare_files(layout, parse_hashes(args.hashes))}


def outdated(layout: Layout, _: argparse.Namespace) -> dict[str, Any]:
    """What an update of the system's packages would change; nothing of the system is changed by asking."""
    from .apt import outdated as ask  # noqa: PLC0415 - few questions are about packages

    return ask(layout)


def fetch(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Bring the files of a set of packages here, and keep a way back."""
    from .fetching import fetch as bring  # noqa: PLC0415 - few questions are about packages

    return bring(layout, args.set)


def receive(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Say where a database belongs that HQ puts back; once it lies there whole, know it as a snapshot."""
    from .receiving import receive as take  # noqa: PLC0415 - few questions are about data

    return take(layout, args.sha256, size=args.bytes, run=args.run, at=args.at)


def rows(layout: Layout, _: argparse.Namespace) -> dict[str, Any]:
    """How much the database holds now."""
    from .receiving import present  # noqa: PLC0415 - few questions are about data

    return present(layout)


def backup(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Copy the database for a backup, and prove the copy."""
    from .backup import take  # noqa: PLC0415 - few questions are about backups

    return take(layout, args.key)


def chunk(_: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Bring a chunk of the session's copy."""
    from .backup import fetch as bring  # noqa: PLC0415 - few questions are about backups

    return bring(args.name, args.offset)


def discard(_: Layout, __: argparse.Namespace) -> dict[str, Any]:
    """Let go of the session's copy."""
    from .backup import discard as let_go  # noqa: PLC0415 - few questions are about backups

    return let_go()


def directory(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Say which directory of tenants is here, or take over the one that HQ has put here."""
    from .directory import directory as look  # noqa: PLC0415 - few questions are about tenants

    return look(layout, args.sha, time.time())


def fence(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Let nobody with a lower number act here from now on; what is armed with one ends."""
    raise_fence(layout, args.number)
    return node_facts(layout)


def start(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Check what can be checked at once, and hand the order to a process of its own, which begins without a go."""
    _begin(layout, args, go=True)
    return {"ok": True, "run": args.run, "fence": args.fence}


def arm(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Hand the order to a process of its own, and answer once that has checked all of it and waits for its go."""
    _begin(layout, args, go=False)
    verdict = await_verdict(layout, args.run, {"staged"}, ARMED_WITHIN_S)
    if verdict["state"] != "armed":
        code, _, why = str(verdict["reason"]).partition(": ")
        raise Refused(code or "launch", why or f"it is {verdict['state']} after {ARMED_WITHIN_S} s")
    return {"ok": True, "run": args.run, "fence": args.fence}


def _begin(layout: Layout, args: argparse.Namespace, *, go: bool) -> None:
    from .activation import Activation, plan  # noqa: PLC0415 - most questions do not need it
    from .recovery import recover_pending  # noqa: PLC0415

    order = Order(
        run=args.run,
        fence=args.fence,
        release=args.sha,
        config=args.config,
        confirm_within=args.confirm_within,
        health_within=args.health_within,
        go_within=args.go_within,
        replace=args.replace,
        restore_data=args.restore_data,
        system=args.system,
        data=args.data,
    )
    with locked(layout, within=_patience(layout)):
        recover_pending(layout)
        raise_fence(layout, args.fence)
        check_room(layout, order.data)
        activation = Activation(layout, plan(layout, order))
        write_order(layout, order)
        if go:
            say_go(layout, order.run)
        activation.tell("staged")
        try:
            launch(layout, layout.launch, order.run, "act", order.run)
        except Refused as no:
            activation.tell("refused", f"{no.code}: {no}")
            raise


def _patience(layout: Layout) -> float:
    """Seconds to wait for the lock: who has said how a run ended may still be tidying up after it."""
    if (pending := read_pending(layout)) is None:
        return TIDYING_S
    try:
        return TIDYING_S if read_verdict(layout, pending.run)["state"] in FINAL else 0
    except Refused:
        return 0


def go(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Let what is armed begin."""
    verdict = await_verdict(layout, args.run, {"staged"}, ARMED_WITHIN_S)
    if verdict["state"] == "armed":
        _finish_if_alone(layout, args.run)
        say_go(layout, args.run)
        verdict = read_verdict(layout, args.run)
    if verdict["state"] == "refused":
        code, _, why = str(verdict["reason"]).partition(": ")
        raise Refused(code, why)
    return {"ok": True, "run": args.run, "state": verdict["state"]}


def _finish_if_alone(layout: Layout, run: str) -> None:
    """Where nobody holds the lock, nobody would hear what HQ says: the process is gone, and we finish its work."""
    from .recovery import finish  # noqa: PLC0415 - most questions do not need it

    with contextlib.suppress(Refused), locked(layout):
        finish(layout, run)


def act(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """The work itself, in a process that nobody waits for."""
    from .activation import Activation, plan  # noqa: PLC0415 - most questions do not need it

    order = read_order(layout, args.run)
    activation = Activation(layout, plan(layout, order))
    try:
        with locked(layout, within=10):
            # Who took it back in the meantime has written the verdict.
            if read_verdict(layout, args.run)["state"] not in FINAL:
                activation.act(order)
    except Refused as no:
        activation.tell("refused", f"{no.code}: {no}")
    return read_verdict(layout, args.run)


def status(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """The verdict, as soon as its state is another than the one that is known."""
    return await_verdict(layout, args.run, {args.known} if args.known else set(), args.wait)


def confirm(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """HQ's yes; the verdict says whether it came in time."""
    state = read_verdict(layout, args.run)["state"]
    if state in {"staged", "armed", "activating"}:
        raise Refused("early", f"run {args.run} is still {state}: there is nothing to confirm yet")
    if state == "activated":
        check_connection(layout, args.run)
        say(layout, args.run, "confirm")
    return await_verdict(layout, args.run, {"activated"}, ANSWER_WITHIN_S)


def revert(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """HQ's no; the verdict says whether what was before is proven again."""
    if read_verdict(layout, args.run)["state"] not in FINAL:
        say(layout, args.run, "revert", args.reason[:500], restore_data=args.restore_data)
        _finish_if_alone(layout, args.run)
    return await_verdict(layout, args.run, {"staged", "armed", "activating", "activated"}, ANSWER_WITHIN_S)


def recover(layout: Layout, args: argparse.Namespace) -> dict[str, Any]:
    """Finish what an activation that ended early has left: called when its process is gone, and after `settle`."""
    from . import recovery  # noqa: PLC0415 - most questions do not need it

    return recovery.recover(layout, args.run)


def settle(layout: Layout, _: argparse.Namespace) -> dict[str, Any]:
    """Put what was before in place before the service starts; proving it is left to a unit that starts after it."""
    from . import recovery  # noqa: PLC0415 - most questions do not need it

    return recovery.settle_at_boot(layout)


VERBS: dict[str, Callable[..., dict[str, Any]]] = {
    verb.__name__: verb
    for verb in (facts, offer, verify, compare, outdated, fetch, fence, arm, start, go, act, status, confirm)
}
VERBS |= {verb.__name__: verb for verb in (revert, recover, settle, receive, rows)}
VERBS |= {verb.__name__: verb for verb in (backup, chunk, discard, directory)}
IN_A_SESSION = frozenset({"backup", "chunk", "discard"})
UNDER_A_FENCE = frozenset({"go", "confirm", "revert"})


def answer(argv: Sequence[str], held: int | None = None, *, alone: bool = False) -> tuple[int, dict[str, Any]]:
    """Do one verb: the status to exit with, and the document to print.

    `held` is the fence of the session that asks, None where it has none: a lower one than the node's changes nothing.
    `alone` says that the arguments are a program's, which every user of the machine can read.
    """
    try:
        args = parse(argv, VERBS)
        _check_place(args.verb, alone=alone)
        layout = load_layout(args.layout)
        if held is not None and args.verb in UNDER_A_FENCE:
            check_fence(layout, held)
        said = VERBS[args.verb](layout, args)
    except Refused as no:
        return USAGE if no.code == "usage" else 1, {"ok": False, "code": no.code, "why": str(no)}
    except (OSError, ValueError, sqlite3.Error, subprocess.SubprocessError) as error:
        return 1, {"ok": False, "code": "system", "why": str(error)}
    return int(args.verb in DONE and said["state"] != DONE[args.verb]), said


def _check_place(verb: str, *, alone: bool) -> None:
    if alone and verb in IN_A_SESSION:
        raise Refused("usage", f"{verb} is for a session alone: a key belongs on no command line")


def main() -> None:
    """Do one verb as a program, or serve them all."""
    argv = sys.argv[1:]
    if argv[-1:] == ["serve"]:
        before = argv[:-1]
        Session(lambda question, held: answer([*before, *question], held), sys.stdout.fileno()).serve(sys.stdin.buffer)
        return
    status, said = answer(argv, alone=True)
    if status == USAGE:
        sys.stderr.write(f"activator.py: {said['why']}\n")
        sys.exit(USAGE)
    sys.stdout.write(json.dumps(said) + "\n")
    sys.exit(status)

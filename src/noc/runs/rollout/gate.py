"""The gate: a node passes when it and HQ both see the expected version in a new, steady process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from noc.hosts.activation import FINAL
from noc.hosts.web import Health
from noc.runs.errors import NotProven
from noc.runs.site.watchdoor import Heartbeat

_INTERVAL_S = 0.05
_LOOKS_A_SOAK = 20
STANDS = frozenset({"activated", "confirmed"})
"""What a node says of a change that it has made and not taken back. Confirmed it is where a run that was cut goes on
behind its own yes."""
LEAST_ERRORS = 5
RISE = 0.05


@dataclass(frozen=True)
class Expected:
    """What the node has to show.

    Attributes:
        version, build: of the release; None where only the node itself knows it.
        deadline_s: seconds within which all of it has to be seen at once.
        fix: what a person does where the node does not pass.
        not_boot: the process from before; None where the process may stay.
        before: the process from before, whether it may stay or not; None where none answered.
        errors_before: share of requests that failed before the change, 0 to 1.
    """

    version: str | None
    build: int | None
    deadline_s: float
    fix: str = ""
    not_boot: str | None = None
    before: str | None = None
    errors_before: float = 0


@dataclass(frozen=True)
class Sight:
    """One look at a node, from both sides.

    Attributes:
        state, reason: of the activation, by the node's own verdict file.
        boot_id: the process, as the node sees it; None where the activator does not know it yet.
        restarts: how often systemd has restarted the service; None where it was not asked, or could not be read.
        public: what its public name answers.
        heartbeat: what the watch last heard of it; None for nothing.
    """

    state: str
    reason: str
    boot_id: str | None
    restarts: int | None
    public: Health
    heartbeat: Heartbeat | None


def missing(expected: Expected, sight: Sight, *, heard_once: bool = False) -> tuple[str, ...]:
    """What is not as it should be, in words; empty when all is.

    Args:
        expected: what the node has to show.
        sight: what it shows.
        heard_once: the new process was heard of already, so that what the one before had sent may come late.
    """
    public, heard = sight.public, sight.heartbeat.boot if sight.heartbeat else None
    heeded = {sight.boot_id, *([expected.before] if heard_once and expected.before else [])}
    version = expected.version is None or (public.version, public.build) == (expected.version, expected.build)
    checks = (
        (sight.state in STANDS, f"the activation is {sight.state}"),
        (public.status is not None, f"no answer over HTTPS ({public.trouble})"),
        (public.status in (None, 200), f"HTTPS answers {public.status}"),
        (public.status != 200 or version, f"HTTPS shows {public.version} build {public.build}"),
        (public.status != 200 or sight.boot_id in (None, public.boot_id), "HTTPS shows another process"),
        (sight.boot_id is not None, "the node does not name its process"),
        (sight.boot_id is None or sight.boot_id != expected.not_boot, "it is the process from before"),
        (sight.boot_id is None or heard in heeded, "no heartbeat of the new process"),
    )
    return tuple(words for holds, words in checks if not holds)


def error_share(heartbeat: Heartbeat | None) -> tuple[float, int]:
    """The share of its last hour's requests that a process failed to serve, 0 to 1, and how many those were."""
    telemetry = heartbeat.telemetry if heartbeat and heartbeat.telemetry else {}
    requests, errors = telemetry.get("req_1h"), telemetry.get("err_1h")
    if not isinstance(requests, int) or not isinstance(errors, int) or requests <= 0:
        return 0.0, 0
    return min(errors / requests, 1.0), errors


def unsteady(expected: Expected, first: Sight, now: Sight) -> str:
    """Why a node that had passed is not steady, "" if it is.

    A new process counts from zero, so a share of its errors means something only once there are a few: it has risen
    when at least LEAST_ERRORS requests failed, and their share is RISE above that of the process before.
    """
    if now.public.status == 200 and now.public.boot_id != first.public.boot_id:
        return "the process changed during the soak"
    if None not in (first.restarts, now.restarts) and first.restarts != now.restarts:
        return f"systemd restarted it during the soak ({first.restarts} → {now.restarts})"
    share, errors = error_share(now.heartbeat)
    if errors >= LEAST_ERRORS and share > expected.errors_before + RISE:
        return f"{share:.0%} of its requests failed, {expected.errors_before:.0%} before"
    return ""


async def prove(
    name: str, expected: Expected, look: Callable[[], Awaitable[Sight]], say: Callable[[str], None]
) -> Sight:
    """Look until the node has passed.

    Args:
        name: the node's.
        expected: what it has to show.
        look: takes one look.
        say: told what is still missing, whenever that changes.

    Returns:
        The look at which it passed.

    Raises:
        NotProven: the deadline passed, or the node turned back by itself.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + expected.deadline_s
    told: tuple[str, ...] = ()
    while lacking := missing(expected, sight := await look()):
        if sight.state in FINAL - STANDS:
            raise NotProven(f"{name} turned back by itself", why=sight.reason, fix=expected.fix)
        if clock() > deadline:
            why = f"after {expected.deadline_s:g} s: {', '.join(lacking)}"
            raise NotProven(f"{name} was not proven", why=why, fix=expected.fix)
        if lacking != told:
            told = lacking
            say(", ".join(lacking))
        await asyncio.sleep(_INTERVAL_S)
    return sight


async def soak(
    name: str,
    expected: Expected,
    first: Sight,
    look: Callable[[], Awaitable[Sight]],
    *,
    soak_s: float,
    changed: Awaitable[object],
) -> Sight:
    """See that a node that has passed stays so.

    Args:
        name: the node's.
        expected: what it has to show.
        first: the look with which it passed, its restarts counted.
        look: takes one look, restarts counted.
        soak_s: seconds for which it has to stay so.
        changed: ends when the node says that something happened there, so that a death is not left to the next look.

    Returns:
        The last look.

    Raises:
        NotProven: it was not steady.
    """
    clock = asyncio.get_running_loop().time
    end, interval = clock() + soak_s, max(_INTERVAL_S, soak_s / _LOOKS_A_SOAK)
    alarm = asyncio.ensure_future(changed)
    try:
        while True:
            pause = max(min(interval, end - clock()), 0)
            # An alarm that has ended would end every wait at once.
            await (asyncio.sleep(pause) if alarm.done() else asyncio.wait({alarm}, timeout=pause))
            over = clock() >= end
            sight = await look()
            if why := unsteady(expected, first, sight) or ", ".join(missing(expected, sight, heard_once=True)):
                raise NotProven(f"{name} was not steady", why=sight.reason or why, fix=expected.fix)
            if over:
                return sight
    finally:
        alarm.cancel()
        await asyncio.gather(alarm, return_exceptions=True)

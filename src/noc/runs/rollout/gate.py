"""The gate: a node passes when it and HQ both see the expected version in a new, steady process."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from noc.hosts.activation import FINAL
from noc.runs.errors import NotProven
from noc.runs.site.web import Health

_INTERVAL_S = 0.25


@dataclass(frozen=True)
class Expected:
    """What the node has to show.

    Attributes:
        version, build: of the release.
        deadline_s: seconds within which all of it has to be seen at once.
        soak_s: seconds for which it then has to stay so.
        fix: what a person does where the node does not pass.
    """

    version: str
    build: int
    deadline_s: float
    soak_s: float
    fix: str = ""


@dataclass(frozen=True)
class Sight:
    """One look at a node, from both sides.

    Attributes:
        state, reason: of the activation, by the node's own verdict file.
        boot_id: the process, as the node sees it; None where the activator does not know it yet.
        restarts: how often systemd has restarted the service; None where it could not be read.
        public: what its public name answers.
        heartbeat: the process that the watch last heard; None for none.
    """

    state: str
    reason: str
    boot_id: str | None
    restarts: int | None
    public: Health
    heartbeat: str | None


def missing(expected: Expected, sight: Sight) -> tuple[str, ...]:
    """What is not yet as it should be, in words; empty when all is."""
    public = sight.public
    version = (public.version, public.build) == (expected.version, expected.build)
    checks = (
        (sight.state == "activated", f"the activation is {sight.state}"),
        (public.status is not None, f"no answer over HTTPS ({public.trouble})"),
        (public.status in (None, 200), f"HTTPS answers {public.status}"),
        (public.status != 200 or version, f"HTTPS shows {public.version} build {public.build}"),
        (public.status != 200 or sight.boot_id in (None, public.boot_id), "HTTPS shows another process"),
        (sight.boot_id is not None, "the node does not name its process"),
        (sight.boot_id is None or sight.heartbeat == sight.boot_id, "no heartbeat of the new process"),
    )
    return tuple(words for holds, words in checks if not holds)


def unsteady(first: Sight, now: Sight) -> str:
    """Why a node that had passed is not steady, "" if it is."""
    if now.public.status == 200 and now.public.boot_id != first.public.boot_id:
        return "the process changed during the soak"
    if None not in (first.restarts, now.restarts) and first.restarts != now.restarts:
        return f"systemd restarted it during the soak ({first.restarts} → {now.restarts})"
    return ""


async def prove(
    name: str, expected: Expected, look: Callable[[], Awaitable[Sight]], say: Callable[[str], None]
) -> Sight:
    """Look until the node has passed and stayed so.

    Args:
        name: the node's.
        expected: what it has to show.
        look: takes one look.
        say: told what is still missing, whenever that changes.

    Returns:
        The look with which the soak began.

    Raises:
        NotProven: the deadline passed, the node turned back by itself, or it was not steady.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + expected.deadline_s
    told: tuple[str, ...] = ()
    while lacking := missing(expected, sight := await look()):
        if sight.state in FINAL:
            raise NotProven(f"{name} turned back by itself", why=sight.reason, fix=expected.fix)
        if clock() > deadline:
            why = f"after {expected.deadline_s:g} s: {', '.join(lacking)}"
            raise NotProven(f"{name} was not proven", why=why, fix=expected.fix)
        if lacking != told:
            told = lacking
            say(", ".join(lacking))
        await asyncio.sleep(_INTERVAL_S)
    say(f"soaking for {expected.soak_s:g} s")
    await _soak(name, expected, sight, look)
    return sight


async def _soak(name: str, expected: Expected, first: Sight, look: Callable[[], Awaitable[Sight]]) -> None:
    clock = asyncio.get_running_loop().time
    end = clock() + expected.soak_s
    while clock() < end:
        await asyncio.sleep(min(_INTERVAL_S, max(end - clock(), 0)))
        sight = await look()
        if why := unsteady(first, sight) or ", ".join(missing(expected, sight)):
            raise NotProven(f"{name} was not steady", why=why, fix=expected.fix)

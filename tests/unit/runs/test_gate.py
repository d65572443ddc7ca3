import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from noc.hosts.web import Health
from noc.runs.errors import NotProven
from noc.runs.rollout.gate import Expected, Sight, error_share, missing, prove, soak, unsteady
from noc.runs.site.watchdoor import Heartbeat
from runs_kit import NOW

EXPECTED = Expected("1.1.0", 2, deadline_s=0.1, not_boot="before", before="before")


def beat(boot: str, requests: int = 0, errors: int = 0) -> Heartbeat:
    return Heartbeat(at=NOW, boot=boot, telemetry={"req_1h": requests, "err_1h": errors})


GOOD = Sight("activated", "", "boot", 0, Health(200, "1.1.0", 2, "boot"), beat("boot"))


class Looks:
    """These looks, the last of which repeats."""

    def __init__(self, *sights: Sight) -> None:
        self.left = list(sights)

    async def __call__(self) -> Sight:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


async def proven(*sights: Sight) -> tuple[Sight, list[str]]:
    said: list[str] = []
    return await prove("virginia", EXPECTED, Looks(*sights), said.append), said


async def soaked(*sights: Sight, soak_s: float = 0.03, stirs_after_s: float = 10) -> Sight:
    changed = asyncio.sleep(stirs_after_s)
    return await soak("virginia", EXPECTED, GOOD, Looks(*sights), soak_s=soak_s, changed=changed)


def public(sight: Sight, **changes: object) -> Sight:
    return replace(sight, public=replace(sight.public, **changes))  # type: ignore[arg-type]


async def test_a_node_passes_when_both_sides_see_the_new_process() -> None:
    assert (await proven(GOOD))[0] == GOOD


async def test_a_node_that_heard_the_yes_of_a_run_that_was_cut_passes_too() -> None:
    confirmed = replace(GOOD, state="confirmed")
    assert (await proven(replace(confirmed, heartbeat=None), confirmed))[0] == confirmed


@pytest.mark.parametrize(
    ("sight", "words"),
    [
        (replace(GOOD, state="activating"), "the activation is activating"),
        (replace(GOOD, public=Health(trouble="refused")), "no answer over HTTPS (refused)"),
        (public(GOOD, status=500), "HTTPS answers 500"),
        (public(GOOD, version="1.0.0", build=1), "HTTPS shows 1.0.0 build 1"),
        (public(GOOD, build=1), "HTTPS shows 1.1.0 build 1"),
        (public(GOOD, boot_id="another"), "HTTPS shows another process"),
        (replace(GOOD, heartbeat=beat("old")), "no heartbeat of the new process"),
        (replace(GOOD, heartbeat=None), "no heartbeat of the new process"),
        (replace(GOOD, boot_id=None), "the node does not name its process"),
        (
            replace(public(GOOD, boot_id="before"), boot_id="before", heartbeat=beat("before")),
            "it is the process from before",
        ),
    ],
)
async def test_a_node_does_not_pass_while_one_thing_is_missing(sight: Sight, words: str) -> None:
    assert missing(EXPECTED, sight) == (words,)
    with pytest.raises(NotProven, match="was not proven") as raised:
        await proven(sight)
    assert words in raised.value.why


def test_a_release_that_hq_does_not_have_is_known_to_its_node_alone() -> None:
    unknown = replace(EXPECTED, version=None, build=None)
    assert missing(unknown, public(GOOD, version="0.9.0", build=1)) == ()


async def test_what_is_missing_is_said_once() -> None:
    sick = public(GOOD, status=503)
    _, said = await proven(sick, sick, GOOD)
    assert said == ["HTTPS answers 503"]


async def test_a_node_that_turned_back_by_itself_is_not_waited_for() -> None:
    with pytest.raises(NotProven, match="turned back by itself: killed-KILL"):
        await proven(replace(GOOD, state="rolled-back", reason="killed-KILL"))


async def test_a_node_that_stays_so_over_its_soak_has_passed() -> None:
    assert await soaked(GOOD) == GOOD


@pytest.mark.parametrize(
    "later",
    [
        replace(GOOD, boot_id="b2", heartbeat=beat("b2"), public=replace(GOOD.public, boot_id="b2")),
        replace(GOOD, restarts=1),
        public(GOOD, status=500),
        replace(GOOD, state="rolled-back"),
        replace(GOOD, heartbeat=beat("boot", requests=20, errors=10)),
    ],
    ids=["another process", "a restart", "sick", "turned back", "errors"],
)
async def test_a_node_that_does_not_hold_over_the_soak_fails(later: Sight) -> None:
    with pytest.raises(NotProven, match="was not steady"):
        await soaked(GOOD, later)


async def test_what_the_process_before_had_sent_may_come_late() -> None:
    late = replace(GOOD, heartbeat=beat("before"))
    assert await soaked(GOOD, late) == late
    with pytest.raises(NotProven, match="no heartbeat of the new process"):
        await proven(late)


async def test_what_the_node_says_ends_a_long_soak_at_once() -> None:
    async with asyncio.timeout(5):
        with pytest.raises(NotProven, match="killed-KILL"):
            await soaked(replace(GOOD, state="rolled-back", reason="killed-KILL"), soak_s=10_000, stirs_after_s=0)


async def test_the_last_look_is_at_the_end_of_the_soak() -> None:
    clock = asyncio.get_running_loop().time
    begun, times = clock(), list[float]()

    async def look() -> Sight:
        times.append(clock() - begun)
        return GOOD

    await soak("virginia", EXPECTED, GOOD, look, soak_s=0.08, changed=asyncio.sleep(0))
    assert times[-1] >= 0.08


@pytest.mark.parametrize("restarts", [(None, 1), (1, None), (1, 1)])
def test_a_restart_counter_that_could_not_be_read_proves_nothing(restarts: Sequence[int | None]) -> None:
    first, now = (replace(GOOD, restarts=count) for count in restarts)
    assert unsteady(EXPECTED, first, now) == ""


@pytest.mark.parametrize(
    ("before", "requests", "errors", "risen"),
    [
        (0.0, 1000, 4, False),
        (0.0, 4, 4, False),
        (0.0, 1000, 50, False),
        (0.0, 1000, 51, True),
        (0.2, 100, 25, False),
        (0.2, 100, 26, True),
        (0.0, 5, 5, True),
    ],
)
def test_errors_count_once_there_are_a_few_and_their_share_is_above_the_one_before(
    before: float, requests: int, errors: int, *, risen: bool
) -> None:
    now = replace(GOOD, heartbeat=beat("boot", requests, errors))
    assert bool(unsteady(replace(EXPECTED, errors_before=before), GOOD, now)) is risen


@pytest.mark.parametrize(
    ("telemetry", "share"),
    [
        (None, (0.0, 0)),
        ({}, (0.0, 0)),
        ({"req_1h": 0, "err_1h": 3}, (0.0, 0)),
        ({"req_1h": "9", "err_1h": 3}, (0.0, 0)),
        ({"req_1h": 10, "err_1h": 3}, (0.3, 3)),
        ({"req_1h": 1, "err_1h": 3}, (1.0, 3)),
    ],
)
def test_a_share_of_errors_is_read_from_whatever_a_node_sent(
    telemetry: dict[str, object] | None, share: tuple[float, int]
) -> None:
    assert error_share(Heartbeat(at=NOW, telemetry=telemetry)) == share

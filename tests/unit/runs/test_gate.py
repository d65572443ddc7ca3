from collections.abc import Sequence
from dataclasses import replace

import pytest

from noc.runs.errors import NotProven
from noc.runs.rollout.gate import Expected, Sight, missing, prove, unsteady
from noc.runs.site.web import Health

EXPECTED = Expected("1.1.0", 2, deadline_s=0.1, soak_s=0.05)
GOOD = Sight("activated", "", "boot", 0, Health(200, "1.1.0", 2, "boot"), "boot")


async def proven(*sights: Sight) -> tuple[Sight, list[str]]:
    """Prove over these looks, the last of which repeats."""
    left: list[Sight] = list(sights)
    said: list[str] = []

    async def look() -> Sight:
        return left.pop(0) if len(left) > 1 else left[0]

    return await prove("virginia", EXPECTED, look, said.append), said


def public(sight: Sight, **changes: object) -> Sight:
    return replace(sight, public=replace(sight.public, **changes))  # type: ignore[arg-type]


async def test_a_node_passes_when_both_sides_see_the_new_process() -> None:
    assert (await proven(GOOD))[0] == GOOD


@pytest.mark.parametrize(
    ("sight", "words"),
    [
        (replace(GOOD, state="activating"), "the activation is activating"),
        (replace(GOOD, public=Health(trouble="refused")), "no answer over HTTPS (refused)"),
        (public(GOOD, status=500), "HTTPS answers 500"),
        (public(GOOD, version="1.0.0", build=1), "HTTPS shows 1.0.0 build 1"),
        (public(GOOD, build=1), "HTTPS shows 1.1.0 build 1"),
        (public(GOOD, boot_id="another"), "HTTPS shows another process"),
        (replace(GOOD, heartbeat="old"), "no heartbeat of the new process"),
        (replace(GOOD, heartbeat=None), "no heartbeat of the new process"),
        (replace(GOOD, boot_id=None), "the node does not name its process"),
    ],
)
async def test_a_node_does_not_pass_while_one_thing_is_missing(sight: Sight, words: str) -> None:
    assert missing(EXPECTED, sight) == (words,)
    with pytest.raises(NotProven, match="was not proven") as raised:
        await proven(sight)
    assert words in raised.value.why


async def test_what_is_missing_is_said_once() -> None:
    sick = public(GOOD, status=503)
    _, said = await proven(sick, sick, GOOD)
    assert said == ["HTTPS answers 503", "soaking for 0.05 s"]


async def test_a_node_that_turned_back_by_itself_is_not_waited_for() -> None:
    with pytest.raises(NotProven, match="turned back by itself: killed-KILL"):
        await proven(replace(GOOD, state="rolled-back", reason="killed-KILL"))


@pytest.mark.parametrize(
    "later",
    [
        replace(GOOD, boot_id="b2", heartbeat="b2", public=replace(GOOD.public, boot_id="b2")),
        replace(GOOD, restarts=1),
        public(GOOD, status=500),
        replace(GOOD, state="rolled-back"),
    ],
    ids=["another process", "a restart", "sick", "turned back"],
)
async def test_a_node_that_does_not_hold_over_the_soak_fails(later: Sight) -> None:
    with pytest.raises(NotProven, match="was not steady"):
        await proven(GOOD, later)


@pytest.mark.parametrize("restarts", [(None, 1), (1, None), (1, 1)])
def test_a_restart_counter_that_could_not_be_read_proves_nothing(restarts: Sequence[int | None]) -> None:
    first, now = (replace(GOOD, restarts=count) for count in restarts)
    assert unsteady(first, now) == ""

"""The front door: everybody is sent home, and nobody learns who has one."""

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clavitor import front as front_module
from clavitor import stretch
from clavitor.directory import open_directory
from clavitor.front import draw, seed
from clavitor.http import Response
from clavitor_service import KEY, OTHER_KEY, body, header
from front_kit import SESSION, WHERE, Counted, Node, nobody_at, running
from tenant_directory import FRANKFURT, NODES, SINGAPORE, VIRGINIA, TenantDirectory, listed

JOHAN, MIA = "johan", "mia"  # at home in Frankfurt and in Virginia


@pytest.fixture
def directory(tmp_path: Path) -> TenantDirectory:
    directory = TenantDirectory(tmp_path)
    directory.write({JOHAN: "frankfurt", MIA: "virginia"})
    return directory


@pytest.fixture
def node(tmp_path: Path, directory: TenantDirectory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Frankfurt."""
    monkeypatch.setattr(stretch, "COST", 16)
    with running(tmp_path, "frankfurt", directory) as node:
        yield node


def shown(response: Response) -> tuple[object, ...]:
    """All that a stranger sees."""
    return response.status, response.body, response.headers


async def test_a_tenant_is_sent_to_the_node_that_the_directory_names(node: Node) -> None:
    assert [await node.lives(name) for name in (JOHAN, "Mia")] == ["frankfurt", "virginia"]


async def test_every_node_answers_the_same_for_every_name(tmp_path: Path, directory: TenantDirectory) -> None:
    names = [JOHAN, MIA, *(f"nobody-{number}" for number in range(20))]
    with ExitStack() as stack:
        nodes = [stack.enter_context(running(tmp_path, each.name, directory)) for each in NODES]
        answers = [[shown(await node.where(name)) for name in names] for node in nodes]
    assert answers[0] == answers[1] == answers[2]


async def test_a_name_that_nobody_has_is_answered_always_the_same_and_as_a_tenant_is(node: Node) -> None:
    nobody = nobody_at(node.front, "frankfurt", NODES)
    answers = [shown(await node.where(name)) for name in (nobody, JOHAN, nobody)]
    assert answers[0] == answers[1] == answers[2]


async def test_names_that_nobody_has_are_sent_to_the_nodes_on_which_somebody_lives(node: Node) -> None:
    assert {await node.lives(f"nobody-{number}") for number in range(60)} == {"virginia", "frankfurt"}


async def test_a_node_that_closes_moves_nobody(node: Node, directory: TenantDirectory) -> None:
    names = [JOHAN, MIA, *(f"nobody-{number}" for number in range(30))]
    before = [await node.lives(name) for name in names]
    closed = [each.model_copy(update={"open": False}) for each in NODES]
    directory.write({JOHAN: "frankfurt", MIA: "virginia"}, nodes=closed, version=2)
    assert [await node.lives(name) for name in names] == before


seeds = st.lists(st.uuids().map(str), min_size=2, max_size=12, unique=True).map(lambda names: [*map(seed, names)])
tenants = st.binary(min_size=16, max_size=16).map(bytes.hex)


@given(seeds, tenants)
def test_a_node_that_joins_draws_to_itself_alone(seeds: list[int], tenant: str) -> None:
    before = seeds[draw(tenant, seeds[1:], ()) + 1]
    assert seeds[draw(tenant, seeds, ())] in {before, seeds[0]}


@given(seeds, tenants)
def test_the_draw_does_not_depend_on_the_fleets_order(seeds: list[int], tenant: str) -> None:
    assert seeds[draw(tenant, seeds, ())] == seeds[::-1][draw(tenant, seeds[::-1], ())]


def test_the_draw_falls_on_all_nodes_alike() -> None:
    fleet = [seed(f"node-{number}") for number in range(20)]
    drawn = Counter(draw(hashlib.sha256(b"%d" % number).hexdigest()[:32], fleet, ()) for number in range(20_000))
    # A share of a twentieth has a standard deviation of 31 here: six of them never happen.
    assert all(abs(drawn[position] - 1000) < 6 * 31 for position in range(20))


async def test_a_draw_is_made_for_a_tenant_too(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(draw)
    monkeypatch.setattr(front_module, "draw", counted)
    await node.where(JOHAN)
    await node.where("nobody")
    assert len(counted.given) == 2


async def test_an_answer_names_the_address_and_nothing_else(node: Node) -> None:
    answer = await node.where(JOHAN)
    assert (answer.status, body(answer)) == (200, {"url": FRANKFURT.url})
    assert (header(answer, "cache-control"), header(answer, "clavitor-directory")) == ("no-store", "fresh")


@pytest.mark.parametrize("document", [{}, {"name": "ab"}, {"name": 7}, {"name": "x" * 65}])
async def test_what_is_no_name_is_refused(node: Node, document: dict[str, object]) -> None:
    assert (await node.ask("POST", WHERE, document)).status == 400


async def test_asking_too_often_is_slowed_down(node: Node) -> None:
    codes = {(await node.where(f"user-{number}")).status for number in range(600)}
    assert codes == {200, 429}


# --- signing in


async def test_signing_in_on_another_node_tells_the_own_one(node: Node) -> None:
    answer = await node.sign_in(MIA)
    assert (answer.status, body(answer)["url"], header(answer, "set-cookie")) == (421, VIRGINIA.url, "")


@pytest.mark.parametrize("home", ["frankfurt", "virginia"])
async def test_a_wrong_password_does_not_tell_a_tenant_from_nobody(node: Node, home: str) -> None:
    tenant = JOHAN if home == "frankfurt" else MIA
    assert shown(await node.sign_in(tenant)) == shown(await node.sign_in(nobody_at(node.front, home, NODES)))


async def test_signing_in_elsewhere_costs_what_signing_in_costs(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(stretch._scrypt)
    monkeypatch.setattr(stretch, "_scrypt", counted)
    for name in (JOHAN, MIA, nobody_at(node.front, "frankfurt", NODES), nobody_at(node.front, "virginia", NODES)):
        await node.sign_in(name)
    assert len(counted.given) == 4


async def test_a_tenant_signs_up_and_in_at_home(node: Node) -> None:
    assert ((await node.sign_up(JOHAN)).status, (await node.sign_in(JOHAN)).status) == (201, 200)


@pytest.fixture
async def old(node: Node, directory: TenantDirectory) -> str:
    """An account of this node from before there was a directory, of a name that the door sends elsewhere."""
    name = nobody_at(node.front, "virginia", NODES)
    directory.write({name: "frankfurt", MIA: "virginia"}, version=2)
    assert (await node.sign_up(name)).status == 201
    node.token = ""
    directory.write({JOHAN: "frankfurt", MIA: "virginia"}, version=3)
    return name


async def test_an_account_from_before_the_directory_goes_on_at_its_node(node: Node, old: str) -> None:
    assert (await node.sign_in(old)).status == 200


async def test_without_its_password_such_an_account_looks_like_nobody(node: Node, old: str) -> None:
    other = "nobody-x"
    while await node.lives(other) != "virginia":
        other += "x"
    assert await node.lives(old) == "virginia"
    assert shown(await node.sign_in(old, OTHER_KEY)) == shown(await node.sign_in(other, OTHER_KEY))


async def test_an_account_that_the_directory_has_elsewhere_opens_here_no_more(
    node: Node, directory: TenantDirectory, old: str
) -> None:
    directory.write({old: "virginia"}, version=4)
    assert (await node.sign_in(old, KEY)).status == 421


# --- signing up


async def test_signing_up_on_another_node_tells_the_own_one_and_leaves_the_invitation(node: Node) -> None:
    code = node.invitation()
    answer = await node.sign_up(MIA, code=code)
    assert (answer.status, body(answer)["url"]) == (421, VIRGINIA.url)
    assert (await node.sign_up(JOHAN, code=code)).status == 201


async def test_a_name_without_a_place_is_refused_and_leaves_the_invitation(node: Node) -> None:
    code = node.invitation()
    assert (await node.sign_up(nobody_at(node.front, "frankfurt", NODES), code=code)).status == 403
    assert (await node.sign_up(JOHAN, code=code)).status == 201


async def test_a_node_that_is_full_by_now_takes_whom_it_was_promised(node: Node, directory: TenantDirectory) -> None:
    full = FRANKFURT.model_copy(update={"open": False})
    directory.write({JOHAN: "frankfurt"}, nodes=[VIRGINIA, full], version=2)
    assert (await node.sign_up(JOHAN)).status == 201


@pytest.mark.parametrize("home", ["frankfurt", "virginia"])
async def test_without_an_invitation_signing_up_does_not_tell_a_tenant_from_nobody(node: Node, home: str) -> None:
    tenant, nobody = (JOHAN if home == "frankfurt" else MIA), nobody_at(node.front, home, NODES)
    assert shown(await node.sign_up(tenant, code="AAAA")) == shown(await node.sign_up(nobody, code="AAAA"))


# --- a directory that is stale, damaged, or not there


async def test_a_stale_directory_answers_and_says_so(node: Node, directory: TenantDirectory) -> None:
    directory.write({JOHAN: "virginia"}, version=2, fresh_for=-5)
    answer = await node.where(JOHAN)
    assert (body(answer), header(answer, "clavitor-directory")) == ({"url": VIRGINIA.url}, "stale")


async def test_a_stale_directory_lets_people_in_and_nobody_new(node: Node, directory: TenantDirectory) -> None:
    await node.sign_up(JOHAN)
    directory.write({JOHAN: "frankfurt", "james": "frankfurt"}, version=2, fresh_for=-5)
    answer = await node.sign_up("james")
    assert (answer.status, bool(header(answer, "retry-after"))) == (503, True)
    assert ((await node.sign_in(JOHAN)).status, (await node.sign_in(MIA)).status) == (200, 401)


async def test_a_directory_becomes_stale_by_itself(tmp_path: Path, directory: TenantDirectory) -> None:
    now = time.time()
    with running(tmp_path, "frankfurt", directory) as node:
        node.front._clock = lambda: now + 3500
        assert header(await node.where(JOHAN), "clavitor-directory") == "fresh"
        node.front._clock = lambda: now + 3700
        assert header(await node.where(JOHAN), "clavitor-directory") == "stale"


def flip(path: Path) -> None:
    """Exchange one byte, in a file of its own as root's program would leave it."""
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


async def test_a_new_directory_with_a_flipped_byte_is_refused_and_the_one_before_counts(
    node: Node, directory: TenantDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    directory.write({JOHAN: "virginia"}, version=2)
    flip(directory.body(2))
    answers = [await node.where(JOHAN) for _ in range(3)]
    assert {body(answer)["url"] for answer in answers} == {FRANKFURT.url}
    assert {header(answer, "clavitor-directory") for answer in answers} == {"refused"}
    assert caplog.text.count("is refused, and the one before it counts") == 1


async def test_while_a_directory_is_refused_nobody_signs_up(node: Node, directory: TenantDirectory) -> None:
    directory.write({JOHAN: "frankfurt"}, version=2)
    flip(directory.body(2))
    assert (await node.sign_up(JOHAN)).status == 503


async def test_the_next_good_directory_counts_again(node: Node, directory: TenantDirectory) -> None:
    directory.write({JOHAN: "virginia"}, version=2)
    flip(directory.body(2))
    await node.where(JOHAN)
    directory.write({JOHAN: "singapore"}, version=3)
    answer = await node.where(JOHAN)
    assert (body(answer)["url"], header(answer, "clavitor-directory")) == (SINGAPORE.url, "fresh")


async def test_a_directory_that_is_made_whole_in_its_place_counts_after_a_while(
    node: Node, directory: TenantDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.write({JOHAN: "virginia"}, version=2)
    flip(directory.body(2))
    await node.where(JOHAN)
    flip(directory.body(2))
    assert await node.lives(JOHAN) == "frankfurt"
    node.front._retry_at = 0.0
    assert await node.lives(JOHAN) == "virginia"


async def test_a_process_that_finds_no_whole_directory_is_as_one_without(
    tmp_path: Path, directory: TenantDirectory, node: Node
) -> None:
    await node.sign_up(JOHAN)
    flip(directory.body(1))
    with running(tmp_path, "frankfurt", directory) as anew:
        answers = [(await anew.sign_in(name)).status for name in (JOHAN, MIA)]
        door = await anew.where(JOHAN)
        assert (answers, door.status, bool(header(door, "retry-after"))) == ([200, 401], 503, True)
        assert (await anew.sign_up("james")).status == 503


async def test_a_first_directory_counts_as_soon_as_it_is_there(tmp_path: Path) -> None:
    directory = TenantDirectory(tmp_path)
    with running(tmp_path, "frankfurt", directory) as node:
        assert (await node.where(JOHAN)).status == 503
        directory.write({JOHAN: "virginia"})
        assert await node.lives(JOHAN) == "virginia"


async def test_a_node_without_a_directory_yet_says_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with running(tmp_path, "frankfurt", TenantDirectory(tmp_path)) as node:
        for _ in range(3):
            await node.where(JOHAN)
    assert caplog.text.count("is refused, and there is none") == 1


async def test_without_the_tenant_key_there_is_no_directory(tmp_path: Path, directory: TenantDirectory) -> None:
    directory.files.key.unlink()
    with running(tmp_path, "frankfurt", directory) as node:
        assert (await node.where(JOHAN)).status == 503


async def test_a_directory_is_read_through_once(
    node: Node, directory: TenantDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(open_directory)
    monkeypatch.setattr(front_module, "open_directory", counted)
    directory.write({JOHAN: "virginia"}, version=2)
    for _ in range(5):
        await node.where(JOHAN)
    assert len(counted.given) == 1


async def test_while_directories_come_and_go_everybody_is_answered_from_a_whole_one(
    node: Node, directory: TenantDirectory
) -> None:
    homes = ["frankfurt", "virginia", "singapore"]

    def exchange() -> None:
        for version in range(2, 80):
            directory.write({JOHAN: homes[version % 3], MIA: homes[version % 3]}, version=version)
            directory.body(version - 2).unlink(missing_ok=True)

    with ThreadPoolExecutor(1) as other:
        ends = other.submit(exchange)
        while not ends.done():
            assert all([(await node.front.home(name)).url for name in (JOHAN, MIA, "nobody")])
    answer = await node.where(JOHAN)
    assert (await node.lives(JOHAN), header(answer, "clavitor-directory")) == (homes[79 % 3], "fresh")


async def test_lines_that_are_damaged_while_they_are_used_are_used_no_more(
    node: Node, directory: TenantDirectory
) -> None:
    directory.body(1).write_bytes(b"")
    answer = await node.where(JOHAN)
    assert answer.status == 503


async def test_one_who_has_a_name_in_an_empty_directory_is_sent_somewhere(
    node: Node, directory: TenantDirectory
) -> None:
    directory.write({}, version=2)
    assert await node.lives(JOHAN) in {each.name for each in NODES}


# --- how far the nodes are


async def test_open_nodes_are_listed_with_their_groups(node: Node, directory: TenantDirectory) -> None:
    directory.write({}, nodes=[FRANKFURT, listed("tokyo", 35.7, 139.7, "JP", is_open=False)], version=2)
    answer = body(await node.ask("GET", "/api/v1/front/nodes"))
    assert answer == {
        "nodes": [{"name": "frankfurt", "url": FRANKFURT.url, "groups": ["DE", "eu"]}],
        "candidates": {"frankfurt": []},
    }


async def test_without_a_directory_no_node_is_listed(tmp_path: Path) -> None:
    with running(tmp_path, "frankfurt", TenantDirectory(tmp_path)) as node:
        answer = await node.ask("GET", "/api/v1/front/nodes")
    assert (body(answer), header(answer, "clavitor-directory")) == ({"nodes": [], "candidates": {}}, "none")


async def test_the_echo_may_be_timed_from_any_page_and_holds_nothing(node: Node) -> None:
    answer = await node.ask("GET", "/api/v1/front/echo", headers={"origin": "https://clavitor.test"})
    assert (answer.status, answer.body) == (204, b"")
    assert (header(answer, "access-control-allow-origin"), header(answer, "cache-control")) == ("*", "no-store")
    assert (header(answer, "access-control-allow-credentials"), header(answer, "set-cookie")) == ("", "")


async def test_nothing_else_may_be_read_from_another_origin(node: Node) -> None:
    answers = [await node.where(JOHAN), await node.ask("GET", "/api/v1/front/nodes"), await node.ask("GET", "/health")]
    assert {header(answer, "access-control-allow-origin") for answer in answers} == {""}


async def test_signing_in_by_session_at_its_own_node_works_as_ever(node: Node) -> None:
    await node.sign_up(JOHAN)
    assert (await node.ask("GET", "/api/v1/entries")).status == 200
    assert (await node.ask("DELETE", SESSION)).status == 204

"""The domain itself, behind which any node may be: it keeps no vault and no session, and shows the way."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from clavitor import stretch
from clavitor.app import CONTENT_POLICY, SECURITY
from clavitor.census import census
from clavitor.errors import ServiceError
from clavitor.release import identify
from clavitor.service import _routes
from clavitor.settings import from_environment
from clavitor.tenants import tenant_id
from clavitor_service import KEY, Service, Vault, body, header
from front_kit import APEX, SESSION, WHERE, Node, running
from tenant_directory import DOMAIN, FRANKFURT, NODES, VIRGINIA, TenantDirectory, listed
from tenant_directory import KEY as KEY_OF_TENANTS

OWN = {"host": f"frankfurt.{DOMAIN}"}
COOKIE = {"cookie": "__Host-session=from-before"}


@pytest.fixture
def directory(tmp_path: Path) -> TenantDirectory:
    directory = TenantDirectory(tmp_path)
    directory.write({"johan": "frankfurt", "mia": "virginia"})
    return directory


@pytest.fixture
def node(tmp_path: Path, directory: TenantDirectory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Frankfurt."""
    monkeypatch.setattr(stretch, "COST", 16)
    with running(tmp_path, "frankfurt", directory) as node:
        yield node


async def page(node: Vault, headers: dict[str, str]) -> str:
    answer = await node.ask("GET", "/", headers=headers)
    assert isinstance(answer.body, bytes)
    return answer.body.decode()


@pytest.mark.parametrize("host", [DOMAIN, f"{DOMAIN}:443", "Clavitor.Test", f"{DOMAIN}."])
async def test_the_domain_shows_the_front_door(node: Node, host: str) -> None:
    assert 'src="/front.js"' in await page(node, {"host": host})


@pytest.mark.parametrize("host", [f"frankfurt.{DOMAIN}", "127.0.0.1:8080", "", f"x{DOMAIN}", f"{DOMAIN}.example"])
async def test_any_other_name_shows_the_vault(node: Node, host: str) -> None:
    assert 'src="/app.js"' in await page(node, {"host": host})


async def test_without_a_directory_the_domain_shows_the_vault(tmp_path: Path) -> None:
    with running(tmp_path, "frankfurt", TenantDirectory(tmp_path)) as node:
        assert 'src="/app.js"' in await page(node, APEX)


@pytest.mark.parametrize("name", ["johan", "mia"])
async def test_nobody_signs_in_at_the_domain_not_even_at_home(node: Node, name: str) -> None:
    await node.sign_up("johan")
    answer = await node.sign_in(name, headers=APEX)
    home = {"johan": FRANKFURT.url, "mia": VIRGINIA.url}[name]
    assert (answer.status, body(answer)["url"], header(answer, "set-cookie")) == (421, home, "")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/v1/entries"), ("DELETE", SESSION), ("GET", "/api/v1/export"), ("PUT", "/api/v1/account")],
)
async def test_a_session_opens_nothing_at_the_domain(node: Node, method: str, path: str) -> None:
    await node.sign_up("johan")
    answer = await node.ask(method, path, headers=APEX)
    assert (answer.status, "url" in body(answer)) == (421, False)


async def test_a_cookie_from_before_is_taken_away_at_the_domain(node: Node) -> None:
    answer = await node.ask("GET", "/", headers={**APEX, **COOKIE})
    assert header(answer, "set-cookie").startswith("__Host-session=; Path=/; Max-Age=0;")


async def test_at_the_nodes_own_name_a_cookie_stays(node: Node) -> None:
    assert header(await node.ask("GET", "/", headers={**OWN, **COOKIE}), "set-cookie") == ""


async def test_the_front_door_may_ask_the_candidates_and_nobody_else(node: Node) -> None:
    policy = header(await node.ask("GET", "/", headers=APEX), "content-security-policy")
    allowed = " ".join(each.url for each in (VIRGINIA, NODES[2], FRANKFURT))
    assert policy == CONTENT_POLICY.replace("connect-src 'self'", f"connect-src 'self' {allowed}")


async def test_the_vault_may_ask_its_own_node_alone(node: Node) -> None:
    policies = [
        header(await node.ask("GET", path, headers=OWN), "content-security-policy") for path in ("/", "/app.js")
    ]
    assert policies == [CONTENT_POLICY] * 2


async def test_every_answer_has_one_policy(node: Node) -> None:
    answers = [await node.ask("GET", "/", headers=headers) for headers in (APEX, OWN)]
    counts = [[name for name, _ in answer.headers].count("content-security-policy") for answer in answers]
    assert counts == [1, 1]


async def test_a_browser_that_has_the_door_with_other_candidates_gets_it_anew(
    node: Node, directory: TenantDirectory
) -> None:
    etag = header(await node.ask("GET", "/", headers=APEX), "etag")
    known = {**APEX, "if-none-match": etag}
    assert (await node.ask("GET", "/", headers=known)).status == 304
    directory.write({}, nodes=[*NODES, listed("sydney", -33.9, 151.2, "AU")], version=2)
    assert (await node.ask("GET", "/", headers=known)).status == 200


async def test_the_door_and_the_vault_are_not_taken_for_each_other_by_a_cache(node: Node) -> None:
    door, vault = [await node.ask("GET", "/", headers=headers) for headers in (APEX, OWN)]
    assert header(door, "etag") != header(vault, "etag")
    assert header(door, "cache-control") == header(vault, "cache-control") == "no-cache"


async def test_where_is_answered_at_the_domain_and_at_a_node_alike(node: Node) -> None:
    first, second = [await node.ask("POST", WHERE, {"name": "johan"}, headers=headers) for headers in (APEX, OWN)]
    assert (first.status, first.body, first.headers) == (200, second.body, second.headers)


async def test_health_is_told_at_the_domain(node: Node) -> None:
    assert (await node.ask("GET", "/health", headers=APEX)).status == 200


# --- a node without a directory is as it was

ROUTES = [
    ("GET", "/health"),
    ("POST", "/api/v1/derivation"),
    ("POST", "/api/v1/account"),
    ("PUT", "/api/v1/account"),
    ("DELETE", "/api/v1/account"),
    ("POST", "/api/v1/session"),
    ("DELETE", "/api/v1/session"),
    ("GET", "/api/v1/entries"),
    ("POST", "/api/v1/entries"),
    ("GET", "/api/v1/entries/{id}"),
    ("PUT", "/api/v1/entries/{id}"),
    ("DELETE", "/api/v1/entries/{id}"),
    ("GET", "/api/v1/export"),
    *(("GET", path) for path in ("/", "/style.css", "/app.js", "/api.js", "/crypto.js", "/tools.js", "/vault.js")),
    ("GET", "/icon.svg"),
]


async def test_without_the_setting_there_are_the_routes_that_there_were(vault: Vault) -> None:
    routes = _routes(identify(), vault.database, None, None)  # type: ignore[arg-type]
    assert [(route.method, route.path) for route in routes] == ROUTES


def test_without_the_setting_answers_have_the_headers_that_they_had(service: Service) -> None:
    service.start()
    service.wait_healthy()
    status, headers, _ = service.request("GET", "/", headers={"host": DOMAIN, "cookie": "__Host-session=x"})
    own = ["content-type", "cache-control", "etag"]
    assert (status, headers.keys()) == (200, [*own, *(name for name, _ in SECURITY), "date", "content-length"])
    assert [headers[name] for name, _ in SECURITY] == [value for _, value in SECURITY]
    status, headers, content = service.request("POST", SESSION, {"name": "johan", "authentication_key": KEY})
    assert (status, content) == (401, b'{"error":"name or password is wrong"}')
    assert headers.keys() == [
        "content-type",
        "cache-control",
        *(name for name, _ in SECURITY),
        "date",
        "content-length",
    ]
    assert [service.request(*asked)[0] for asked in (("POST", WHERE, {"name": "johan"}), ("GET", "/front.js"))] == [
        404
    ] * 2


def test_a_process_with_a_directory_answers_and_says_what_it_has(tmp_path: Path, directory: TenantDirectory) -> None:
    service = Service(tmp_path, **directory.environment, CLAVITOR_DOMAIN=f"frankfurt.{DOMAIN}")
    service.start()
    try:
        service.wait_healthy()
        status, _, content = service.request("POST", WHERE, {"name": "mia"})
        assert (status, content) == (200, f'{{"url":"{VIRGINIA.url}"}}'.encode())
        assert "directory 1: 2 tenants on 2 of 3 nodes" in service.log.read_text()
        assert "mia" not in service.log.read_text()
    finally:
        service.close()


async def test_the_accounts_of_a_node_are_listed_by_id_and_place(node: Node, directory: TenantDirectory) -> None:
    names = {"johan": "here", "mia": VIRGINIA.url, "anna": "unplaced"}
    directory.write(dict.fromkeys(names, "frankfurt"), version=2)
    for name in names:
        assert (await node.sign_up(name)).status == 201
    directory.write({"johan": "frankfurt", "mia": "virginia"}, version=3)
    environment = {**directory.environment, "CLAVITOR_DB": str(node.path), "CLAVITOR_DOMAIN": OWN["host"]}
    said = json.loads(census(environment, as_json=True))["tenants"]
    assert {each["tenant"]: each["lives"] for each in said} == {
        tenant_id(KEY_OF_TENANTS, name): where for name, where in names.items()
    }
    assert [line.split() for line in census(environment, as_json=False).splitlines()] == [
        [*each.values()] for each in said
    ]


def test_without_a_directory_no_accounts_are_listed(service: Service) -> None:
    done = service.command("tenants")
    assert (done.returncode, "CLAVITOR_DIRECTORY is not set" in done.stderr) == (1, True)


async def test_with_a_damaged_directory_no_accounts_are_listed(node: Node, directory: TenantDirectory) -> None:
    directory.body(1).unlink()
    with pytest.raises(ServiceError, match="tenants-1"):
        census({**directory.environment, "CLAVITOR_DB": str(node.path)}, as_json=False)


async def test_before_the_first_directory_all_accounts_are_unplaced(
    node: Node, directory: TenantDirectory, tmp_path: Path
) -> None:
    assert (await node.sign_up("johan")).status == 201
    nothing = {**directory.environment, "CLAVITOR_DIRECTORY": str(tmp_path / "nowhere"), "CLAVITOR_DB": str(node.path)}
    assert census(nothing, as_json=False).split() == [tenant_id(KEY_OF_TENANTS, "johan"), "unplaced"]


def test_before_the_first_start_no_accounts_are_listed(tmp_path: Path, directory: TenantDirectory) -> None:
    (tmp_path / "empty.db").touch()
    with pytest.raises(ServiceError, match="start the service once"):
        census({**directory.environment, "CLAVITOR_DB": str(tmp_path / "empty.db")}, as_json=False)


@pytest.mark.parametrize("name", ["CLAVITOR_DIRECTORY", "CLAVITOR_TENANT_KEY"])
def test_one_half_of_the_setting_is_refused(name: str) -> None:
    with pytest.raises(Exception, match="belong together"):
        from_environment({"CLAVITOR_DB": "/tmp/x.db", name: "/tmp/y"})

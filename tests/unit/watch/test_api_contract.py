"""The REST API against its own description: whatever is asked, the answer is one that the document promises."""

import getpass
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from watch_kit import Server, free_port, until, write_fleet

TELEMETRY = {"ram_mb": 412, "disk_pct": 31.5, "cpu_pct": 2, "db_integrity": "ok", "uptime_s": 86_400, "queue": 3}
EXAMPLES = 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a loopback port, on which whoever runs the tests is an approver; two nodes have pushed."""
    folder = tmp_path_factory.mktemp("contract")
    fleet = write_fleet(folder / "fleet", push_interval=600)
    with (fleet / "fleet.toml").open("a") as file:
        file.write(f'\n[[people]]\nname = "{getpass.getuser()}"\nrole = "approver"\n')
        file.write('[[schedule]]\njob = "prices"\ncron = "0 6 1 * *"\n')
    server = Server(folder, fleet)
    server.local = f"127.0.0.1:{free_port()}"
    with server:
        for name in ("frankfurt", "virginia"):
            server.push(name, "status=up&seq=1&boot=b1&v=1.0.0", body=json.dumps(TELEMETRY).encode())
        server.push("virginia", "status=down&msg=killed-KILL&boot=b1")
        until(server.incidents, what="the death is an incident")
        yield server


@pytest.fixture(scope="module")
def description(server: Server) -> Any:
    """The server's own document."""
    return schemathesis.openapi.from_url(f"http://{server.local}/api/v1/openapi.json")


def hold(operation: Any, mode: GenerationMode) -> None:
    """Ask a few times, the same ones in every run, and hold each answer to the document."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: "schemathesis.Case[Any]") -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance])  # a time that fits may be long past

    ask()


def test_an_answer_to_what_fits_is_one_that_the_document_promises(description: Any, subtests: pytest.Subtests) -> None:
    for found in description.get_all_operations():
        with subtests.test(found.ok().label):
            hold(found.ok(), GenerationMode.POSITIVE)


def test_what_does_not_fit_is_refused_as_the_document_promises(description: Any, subtests: pytest.Subtests) -> None:
    operations = [found.ok() for found in description.get_all_operations()]
    for operation in (each for each in operations if each.query or each.body):  # the others take nothing to get wrong
        with subtests.test(operation.label):
            hold(operation, GenerationMode.NEGATIVE)


def test_every_reference_in_the_document_leads_somewhere(server: Server) -> None:
    document = server.ask("/api/v1/openapi.json")[1]
    schemas = document["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert named - set(schemas) == set()
    assert named


def test_every_operation_says_who_may(server: Server) -> None:
    paths = server.ask("/api/v1/openapi.json")[1]["paths"]
    roles = {(path, method): each.get("x-role") for path, methods in paths.items() for method, each in methods.items()}
    assert [place for place, role in roles.items() if role is None] == [("/health", "get")]
    assert all(role != "viewer" for (_, method), role in roles.items() if method != "get")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/nowhere", None, 404),
        ("POST", "/api/v1/nodes", None, 405),
        ("PUT", "/api/v1/nodes/frankfurt/deployment", b"{", 400),
        ("PUT", "/api/v1/nodes/frankfurt/deployment", b'{"run": "' + b"x" * 9_000 + b'"}', 413),
        ("PUT", "/api/v1/nodes/frankfurt/deployment", b'{"run": "r"}', 422),
        ("GET", "/api/v1/nodes/frankfurt/heartbeats?limit=0", None, 422),
        ("GET", "/api/v1/nodes/frankfurt/heartbeats?limti=5", None, 422),
        ("GET", "/api/v1/nodes/frankfurt/telemetry?until=9999-12-31T23:59:59-10:00", None, 422),
    ],
)
def test_a_refusal_has_its_status_and_the_error_document(
    server: Server, method: str, path: str, body: bytes | None, status: int
) -> None:
    answer = httpx.request(method, f"http://{server.local}{path}", content=body, timeout=10)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "what", "why", "fix"}


def test_a_wrong_method_is_told_every_right_one(server: Server) -> None:
    allowed = httpx.post(f"http://{server.local}/api/v1/nodes/frankfurt/deployment", timeout=10).headers["allow"]
    assert {each.strip() for each in allowed.split(",")} == {"PUT", "DELETE"}


def test_a_deployment_that_is_put_twice_is_one(server: Server) -> None:
    until_ = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    place, body = "/api/v1/nodes/frankfurt/deployment", {"run": "r1", "until": until_}
    assert server.ask(place, "PUT", body) == server.ask(place, "PUT", body)
    assert server.node("frankfurt")["deployment"] == "r1"
    assert [server.ask(place, "DELETE")[0] for _ in range(2)] == [204, 204]


def test_telemetry_comes_by_field_and_grain(server: Server) -> None:
    place = "/api/v1/nodes/frankfurt/telemetry?grain=hour&field=ram_mb&field=queue&field=never"
    status, document = server.ask(place)
    assert (status, document["grain_s"], set(document["fields"])) == (200, 3_600, {"ram_mb", "queue"})
    assert document["fields"]["ram_mb"][0] | {"at": ""} == {
        "at": "",
        "least": 412,
        "most": 412,
        "mean": 412,
        "count": 1,
    }


def test_availability_has_a_day_for_each_that_was_asked_for(server: Server) -> None:
    status, document = server.ask("/api/v1/nodes/frankfurt/availability?days=7")
    assert (status, len(document["days"]), document["days"][0]["availability"]) == (200, 7, None)
    assert document["days"][-1]["availability"] == 1

"""The forms of an incident's page: taken over, written about, silenced, and refused where the form is not ours."""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from watch_kit import Server, write_fleet

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A watch with one incident: frankfurt's service was killed."""
    directory: Path = tmp_path_factory.mktemp("watch")
    with Server(directory, write_fleet(directory / "fleet")) as server:
        server.push("frankfurt", "status=down&msg=killed-KILL")
        yield server


def request(server: Server, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str]:
    connection: http.client.HTTPConnection = server._connection()
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, FORM | named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def page(server: Server) -> str:
    return f"/incidents/{server.incidents()[0]['id']}"


def send(server: Server, page: str, act: str, **fields: str) -> int:
    """Send a form of the page as a browser does: with the page's token."""
    token = re.search(r'name="form" value="([0-9a-f]{64})"', request(server, "GET", page)[1])
    assert token is not None
    status, _ = request(server, "POST", f"{page}/{act}", urlencode({"form": token[1], **fields}))
    return status


def test_an_incident_is_taken_over_with_a_note(server: Server, page: str) -> None:
    assert send(server, page, "acknowledge", note="<b>looking</b>") == 303
    html = request(server, "GET", page)[1]
    assert "root took it over" in html
    assert "&lt;b&gt;looking&lt;/b&gt;" in html
    assert [event["detail"]["who"] for event in server.events("acknowledged")] == ["root"]


def test_what_a_person_writes_stands_in_the_timeline(server: Server, page: str) -> None:
    assert send(server, page, "note", text="the provider says\r\nten minutes") == 303
    assert "the provider says\nten minutes" in request(server, "GET", page)[1]


def test_a_silence_shows_as_maintenance_of_the_node(server: Server, page: str) -> None:
    assert send(server, page, "silence", scope="frankfurt", minutes="30", reason="new disk") == 303
    assert "live, in maintenance" in request(server, "GET", "/nodes/frankfurt")[1]
    assert "live, in maintenance" not in request(server, "GET", "/nodes/virginia")[1]


@pytest.mark.parametrize("token", ["", "form=", f"form={'0' * 64}", "form=%FF"])
def test_a_form_without_this_pages_token_is_refused(server: Server, page: str, token: str) -> None:
    assert request(server, "POST", f"{page}/acknowledge", token)[0] in {403, 422}
    assert len(server.events("acknowledged")) <= 1


def test_a_form_that_another_site_sends_is_refused(server: Server, page: str) -> None:
    assert request(server, "POST", f"{page}/note", "text=x", Origin="http://evil.example")[0] == 403


@pytest.mark.parametrize(
    ("act", "fields"),
    [
        ("note", {"text": " "}),
        ("note", {"text": "x" * 2_001}),
        ("silence", {"scope": "frankfurt", "minutes": "31", "reason": "x"}),
        ("silence", {"scope": "frankfurt", "minutes": "60,60", "reason": "x"}),
        ("silence", {"scope": "nowhere", "minutes": "60", "reason": "x"}),
    ],
)
def test_what_the_form_does_not_offer_is_refused(server: Server, page: str, act: str, fields: dict[str, str]) -> None:
    assert send(server, page, act, **fields) == 422


def test_an_incident_that_there_is_not_is_not_found(server: Server, page: str) -> None:
    token = re.search(r'name="form" value="([0-9a-f]{64})"', request(server, "GET", page)[1])
    assert token is not None
    assert request(server, "POST", "/incidents/999/acknowledge", urlencode({"form": token[1]}))[0] == 404


@pytest.mark.parametrize("query", ["state=ajar", "severity=SEV3", "before=x", "before=-1", f"node={'x' * 65}"])
def test_an_address_that_asks_for_what_there_cannot_be_is_refused(server: Server, query: str) -> None:
    assert request(server, "GET", f"/incidents?{query}")[0] == 422


@pytest.mark.parametrize(
    "of", ["/nowhere", "/nodes/nowhere", "/incidents/x", "//evil.example/", "x" * 301, "/nodes/a/b"]
)
def test_a_stream_is_of_a_page_of_ours_alone(server: Server, of: str) -> None:
    assert request(server, "GET", f"/events?{urlencode({'of': of})}")[0] in {404, 422}

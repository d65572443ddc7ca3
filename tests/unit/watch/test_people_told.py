"""A real server and a real receiver: what people hear, and what they do about it, through the API and by a link."""

import getpass
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from noc.watch.store.database import Store
from watch_kit import NAMES, Receiver, Server, receiving, until, write_fleet

PROGRAM = "from noc.watch.alerts import patience; patience.FIRST_PAUSE_S = 0.1; from noc.cli.main import run; run()"
MORE = '\n[[people]]\nname = "{me}"\nrole = "operator"\n'


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "watch.db"
    Store(path).close()
    return path


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def server(tmp_path: Path, receiver: Receiver, empty_database: Path) -> Iterator[Server]:
    """A server with the plan's own times, on which whoever runs the tests is an operator."""
    fleet = write_fleet(tmp_path / "fleet", live=NAMES, ntfy=receiver.url)
    with (fleet / "fleet.toml").open("a") as file:
        file.write(MORE.format(me=getpass.getuser()))
    shutil.copy(empty_database, tmp_path / "watch.db")
    with Server(tmp_path, fleet, program=PROGRAM) as server:
        yield server


def die(server: Server, name: str = "frankfurt") -> None:
    assert server.push(name, "status=down&msg=killed-KILL&boot=")[0] == 200


def told(receiver: Receiver) -> list[str]:
    return [document["title"] for _, document, _ in list(receiver.got)]


def link_of(document: dict[str, Any]) -> str:
    """The path of the message's link that acknowledges."""
    urls: list[str] = [action["url"] for action in document["actions"] if action["label"] == "Acknowledge"]
    assert len(urls) == 1
    return urlsplit(urls[0]).path


def first_link(server: Server, receiver: Receiver) -> str:
    die(server)
    until(lambda: receiver.got, what="the alert is told")
    return link_of(receiver.got[0][1])


def ask_page(server: Server, path: str, method: str) -> tuple[int, str]:
    connection = server._connection()
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_an_incident_is_taken_over_and_written_about(server: Server, receiver: Receiver) -> None:
    die(server)
    until(server.incidents, what="the death is an incident")
    assert server.ask("/api/v1/incidents/1/ack", "POST", {"note": "I look"})[0] == 204
    assert server.ask("/api/v1/incidents/1/notes", "POST", {"text": "the disk is full"})[0] == 204
    story = server.ask("/api/v1/incidents/1")[1]
    me = getpass.getuser()
    assert (story["incident"]["acknowledged_by"], story["incident"]["acknowledged_note"]) == (me, "I look")
    assert [(note["who"], note["text"]) for note in story["notes"]] == [(me, "the disk is full")]
    until(lambda: f"frankfurt: {me} has taken over" in told(receiver), what="the others hear of it")


def sent(server: Server) -> list[dict[str, Any]]:
    """The messages of the first incident that went out."""
    alerts = server.ask("/api/v1/incidents/1")[1]["incident"]["alerts"]
    return [alert for alert in alerts if alert["outcome"] == "sent"]


def test_what_became_of_each_message_stands_on_the_incident(server: Server, receiver: Receiver) -> None:
    refusals = iter([500, 500])
    receiver.behave = lambda: (next(refusals, 200), {}, 0)
    die(server)
    until(lambda: receiver.got, what="the alert is told")
    [alert] = until(lambda: sent(server), what="it is written down")
    assert (alert["channel"], alert["failed_tries"], alert["sent_at"] is None) == ("ntfy", 2, False)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/incidents/99", None, 404),
        ("POST", "/api/v1/incidents/99/ack", {}, 404),
        ("POST", "/api/v1/incidents/99/notes", {"text": "?"}, 404),
        ("POST", "/api/v1/incidents/1/notes", {"text": ""}, 422),
        ("POST", "/api/v1/channels/pager/test", None, 404),
        ("DELETE", "/api/v1/maintenance/silence-99", None, 404),
        ("PUT", "/api/v1/maintenance/w1", {"kind": "silence", "scope": ["paris"], "minutes": 5}, 422),
        ("PUT", "/api/v1/maintenance/fleet-1", {"kind": "silence", "scope": ["all"], "minutes": 5}, 409),
    ],
)
def test_what_cannot_be_done_is_refused(server: Server, method: str, path: str, body: Any, status: int) -> None:
    assert server.ask(path, method, body)[0] == status


def test_an_incident_that_is_over_cannot_be_taken_over(server: Server) -> None:
    die(server)
    until(server.incidents, what="the death is an incident")
    (server.fleet / "inventory.toml").write_text("")
    assert server.ask("/api/v1/reload", "POST")[0] == 200
    until(lambda: server.incidents()[0]["ended_at"], what="it ended with the node's life")
    status, document = server.ask("/api/v1/incidents/1/ack", "POST", {})
    assert (status, document["error"]["code"]) == (409, "NOC-E625")


def test_a_silence_keeps_an_incident_quiet_and_can_be_ended(server: Server, receiver: Receiver) -> None:
    wanted = {"kind": "silence", "scope": ["frankfurt"], "minutes": 60, "reason": "works"}
    assert server.ask("/api/v1/maintenance/w1", "PUT", wanted)[0] == 204
    [window] = server.ask("/api/v1/maintenance")[1]["windows"]
    assert (window["id"], window["kind"], window["scope"]) == ("w1", "silence", ["frankfurt"])
    assert window["until"] is not None
    die(server)
    die(server, "virginia")
    until(lambda: receiver.got, what="the other node's alert is told")
    assert [title for title in told(receiver) if "frankfurt" in title] == []
    assert server.ask("/api/v1/maintenance/w1", "DELETE")[0] == 204
    assert server.ask("/api/v1/maintenance")[1]["windows"] == []


def test_a_window_is_planned_on_the_fleets_clocks(server: Server) -> None:
    wanted = {"kind": "weekly", "scope": ["all"], "minutes": 30, "spec": "Sun 02:00", "reason": "patches"}
    assert server.ask("/api/v1/maintenance/patches", "PUT", wanted)[0] == 204
    [window] = server.ask("/api/v1/maintenance")[1]["windows"]
    assert (window["zone"], window["until"], window["next"] is None) == ("Europe/Zurich", None, False)


def test_a_window_that_is_put_twice_is_one_and_another_of_its_name_takes_its_place(server: Server) -> None:
    wanted = {"kind": "weekly", "scope": ["all"], "minutes": 30, "spec": "Sun 02:00", "reason": "patches"}
    for minutes in (30, 30, 45):
        assert server.ask("/api/v1/maintenance/patches", "PUT", wanted | {"minutes": minutes})[0] == 204
    windows = server.ask("/api/v1/maintenance")[1]["windows"]
    assert [(window["id"], window["minutes"]) for window in windows] == [("patches", 45)]


def test_a_silence_that_is_put_again_begins_anew_and_holds_all_the_while(server: Server) -> None:
    wanted = {"kind": "silence", "scope": ["frankfurt"], "minutes": 60}
    assert server.ask("/api/v1/maintenance/w1", "PUT", wanted)[0] == 204
    [first] = server.ask("/api/v1/maintenance")[1]["windows"]
    assert server.ask("/api/v1/maintenance/w1", "PUT", wanted | {"minutes": 30})[0] == 204
    [second] = server.ask("/api/v1/maintenance")[1]["windows"]
    assert second["until"] < first["until"]
    kinds = [event["kind"] for event in server.events() if event["kind"].startswith("maintenance")]
    assert kinds == ["maintenance-began", "maintenance-ended", "maintenance-began"]


def test_a_test_goes_through_the_outbox_and_says_that_it_arrived(server: Server, receiver: Receiver) -> None:
    status, result = server.ask("/api/v1/channels/ntfy/test", "POST")
    assert (status, result["sent"], result["error"]) == (200, True, None)
    assert told(receiver) == ["Test of ntfy"]
    [alert] = server.ask("/api/v1/alerts")[1]["alerts"]
    assert (alert["id"], alert["kind"], alert["outcome"]) == (result["id"], "test", "sent")


def test_a_test_of_a_channel_that_refuses_says_why_and_is_not_repeated(server: Server, receiver: Receiver) -> None:
    receiver.behave = lambda: (403, {}, 0)
    result = server.ask("/api/v1/channels/ntfy/test", "POST")[1]
    assert (result["sent"], result["error"]) == (
        False,
        "ntfy answered 403: the access token is not good for this topic",
    )
    [alert] = until(lambda: server.ask("/api/v1/alerts")[1]["alerts"], what="it is written down")
    assert (alert["outcome"], alert["failed_tries"]) == ("failed", 1)
    assert receiver.refused == 1


def test_a_test_mends_a_channel_that_was_left_alone(server: Server, receiver: Receiver) -> None:
    receiver.behave = lambda: (503, {"Retry-After": "300"}, 0)
    die(server)
    until(lambda: receiver.refused, what="the alert is refused")
    receiver.behave = lambda: (200, {}, 0)
    assert server.ask("/api/v1/channels/ntfy/test", "POST")[1]["sent"]
    until(lambda: len(receiver.got) == 2, what="what waited goes out at once")


def test_channels_show_what_is_wrong_with_them(server: Server) -> None:
    [channel] = server.ask("/api/v1/channels")[1]["channels"]
    assert (channel["name"], channel["state"], channel["default"]) == ("ntfy", "ok", True)
    text = (server.fleet / "fleet.toml").read_text()
    (server.fleet / "fleet.toml").write_text(re.sub(r'url = ".*"', 'url = "https://ntfy.sh"', text))
    assert server.ask("/api/v1/reload", "POST")[0] == 200
    [channel] = server.ask("/api/v1/channels")[1]["channels"]
    assert (channel["state"], "there is no token" in channel["findings"][0]["what"]) == ("fail", True)


def test_a_link_takes_the_incident_over_once(server: Server, receiver: Receiver) -> None:
    path = first_link(server, receiver)
    status, page = ask_page(server, path, "GET")
    assert (status, "SEV2 frankfurt" in page, '<form method="post">' in page) == (200, True, True)
    assert server.incidents()[0]["acknowledged_by"] is None
    assert ask_page(server, path, "POST")[0] == 200
    assert server.incidents()[0]["acknowledged_by"] == "ntfy link"
    assert [ask_page(server, path, method)[0] for method in ("GET", "POST")] == [404, 404]


def test_a_link_survives_a_restart_and_stands_nowhere_in_the_database(server: Server, receiver: Receiver) -> None:
    path = first_link(server, receiver)
    server.stop()
    secret = path.rpartition("/")[2].encode()
    files = [each.read_bytes() for each in server.directory.glob("watch.db*")]
    assert files
    assert not any(secret in content for content in files)
    server.start()
    assert ask_page(server, path, "POST")[0] == 200


def test_a_link_is_good_for_nothing_but_its_incident(server: Server, receiver: Receiver) -> None:
    secret = first_link(server, receiver).rpartition("/")[2]
    connection = server._connection()
    connection.request("GET", f"/login/{secret}")
    assert connection.getresponse().status in {303, 404, 422}
    connection.close()
    assert server.incidents()[0]["acknowledged_by"] is None


def test_the_link_of_an_incident_that_is_over_looks_like_one_that_never_was(server: Server, receiver: Receiver) -> None:
    path = first_link(server, receiver)
    (server.fleet / "inventory.toml").write_text("")
    server.ask("/api/v1/reload", "POST")
    until(lambda: server.incidents()[0]["ended_at"], what="it ended with the node's life")
    answers = {ask_page(server, each, method) for each in (path, "/ack/never") for method in ("GET", "POST")}
    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_who_guesses_links_is_slowed_down_and_who_has_one_is_not(server: Server, receiver: Receiver) -> None:
    path = first_link(server, receiver)
    answers = [ask_page(server, f"/ack/guess-{number}", "POST")[0] for number in range(40)]
    assert (answers[0], answers[-1]) == (404, 429)
    assert ask_page(server, path, "POST")[0] == 200

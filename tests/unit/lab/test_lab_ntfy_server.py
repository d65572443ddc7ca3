"""The ntfy stand-in: what it keeps, and each refusal of the original that it makes."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.lab.services.ntfy.server import Server
from noc.lab.services.ntfy.topics import BURST, REFILL_S, Bucket

TOKEN = "tk_test"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    server = Server(("127.0.0.1", 0), TOKEN)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False) as client:
        yield client
    server.shutdown()
    thread.join()
    server.server_close()


def lines(client: httpx.Client, topic: str, since: str = "all") -> list[dict[str, Any]]:
    answer = client.get(f"/{topic}/json", params={"poll": "1", "since": since})
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


def refusal(answer: httpx.Response) -> tuple[int, int]:
    assert answer.json()["http"] == answer.status_code
    return answer.status_code, answer.json()["code"]


def test_a_json_message_is_kept_whole(client: httpx.Client) -> None:
    document = {"topic": "t", "title": "Down", "message": "frankfurt", "priority": 5, "tags": ["a", "b"], "click": "u"}
    sent = client.post("/", json=document, headers={"X-Sequence-ID": "i-1"}).json()
    assert lines(client, "t") == [sent]
    assert {key: sent[key] for key in document} == document
    assert sent["sequence_id"] == "i-1"
    assert sent["time"] == int(sent["received_at"])


def test_a_text_message_takes_its_fields_from_headers(client: httpx.Client) -> None:
    sent = client.post("/t", content="text", headers={"Title": "T", "Priority": "4", "Tags": "a, b"}).json()
    assert (sent["message"], sent["title"], sent["priority"], sent["tags"]) == ("text", "T", 4, ["a", "b"])


def test_messages_after_an_id_are_those_that_came_later(client: httpx.Client) -> None:
    first, second = (client.post("/t", content=text).json() for text in ("one", "two"))
    assert lines(client, "t", since=first["id"]) == [second]
    assert lines(client, "other") == []


def test_without_a_token_nothing_is_written_or_read(client: httpx.Client) -> None:
    del client.headers["Authorization"]
    assert refusal(client.post("/t", content="x")) == (403, 40301)
    assert refusal(client.get("/t/json?poll=1")) == (403, 40301)


def test_a_wrong_token_is_unauthorized(client: httpx.Client) -> None:
    assert refusal(client.post("/t", content="x", headers={"Authorization": "Bearer no"})) == (401, 40101)


def test_a_text_over_4096_bytes_would_be_an_attachment_which_are_off(client: httpx.Client) -> None:
    assert client.post("/t", content="x" * 4096).status_code == 200
    assert refusal(client.post("/t", content="x" * 4097)) == (400, 40014)
    assert refusal(client.post("/", json={"topic": "t", "message": "x" * 4097})) == (400, 40014)


def test_json_over_8192_bytes_is_too_large(client: httpx.Client) -> None:
    assert refusal(client.post("/", json={"topic": "t", "message": "x" * 9000})) == (413, 41303)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"topic": "t", "message": 5}'])
def test_json_that_is_no_message_is_refused(client: httpx.Client, body: bytes) -> None:
    code = 40024
    assert refusal(client.post("/", content=body)) == (400, code)


@pytest.mark.parametrize("topic", ["", "a b", "x" * 65, "ä"])
def test_a_topic_of_other_signs_is_refused(client: httpx.Client, topic: str) -> None:
    assert refusal(client.post("/", json={"topic": topic, "message": "x"})) == (400, 40009)


@pytest.mark.parametrize("priority", [0, 6, "high"])
def test_a_priority_outside_1_to_5_is_refused(client: httpx.Client, priority: object) -> None:
    assert refusal(client.post("/", json={"topic": "t", "priority": priority})) == (400, 40007)


def test_after_60_messages_at_once_a_visitor_must_wait(client: httpx.Client) -> None:
    statuses = [client.post("/t", content="x").status_code for _ in range(BURST + 1)]
    assert statuses == [200] * BURST + [429]
    assert refusal(client.post("/t", content="x")) == (429, 42901)
    assert len(lines(client, "t")) == BURST


def test_another_page_is_not_found(client: httpx.Client) -> None:
    assert refusal(client.get("/t/sse")) == (404, 40401)


@given(st.lists(st.floats(min_value=0, max_value=30), max_size=200))
def test_no_visitor_gets_more_than_the_burst_and_its_refill(pauses: list[float]) -> None:
    now, taken = 1000.0, 0
    bucket = Bucket(now)
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
    assert taken <= BURST + (now - 1000) / REFILL_S + 1e-6

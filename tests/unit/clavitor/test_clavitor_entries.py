"""Entries: ciphertext in, the same ciphertext out, no update lost, no account without bounds."""

import contextlib
import json
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clavitor import entries
from clavitor.errors import HttpError
from clavitor.fields import encode, octets
from clavitor_service import KEY, Vault, body, header

BLOB, OTHER_BLOB = encode(b"b" * 60), encode(b"c" * 80)


@pytest.fixture
async def member(vault: Vault) -> Vault:
    await vault.sign_up()
    return vault


async def create(vault: Vault, blob: str = BLOB) -> str:
    identity = str(uuid.uuid4())
    answer = await vault.ask("POST", "/api/v1/entries", {"id": identity, "blob": blob})
    assert answer.status == 201
    return f"/api/v1/entries/{identity}"


async def test_what_was_stored_is_read_back(member: Vault) -> None:
    answer = await member.ask("GET", await create(member))
    assert (body(answer)["blob"], body(answer)["version"], header(answer, "etag")) == (BLOB, 1, '"1"')


async def test_an_update_needs_to_say_what_it_replaces(member: Vault) -> None:
    assert (await member.ask("PUT", await create(member), {"blob": OTHER_BLOB})).status == 428


async def test_an_update_of_the_version_seen_succeeds_once(member: Vault) -> None:
    path, seen = await create(member), {"if-match": '"1"'}
    first = await member.ask("PUT", path, {"blob": OTHER_BLOB}, headers=seen)
    second = await member.ask("PUT", path, {"blob": BLOB}, headers=seen)
    assert (first.status, header(first, "etag"), second.status) == (200, '"2"', 412)
    assert body(await member.ask("GET", path))["blob"] == OTHER_BLOB


async def test_deleting_needs_the_version_too(member: Vault) -> None:
    path = await create(member)
    codes = [
        (await member.ask("DELETE", path)).status,
        (await member.ask("DELETE", path, headers={"if-match": '"9"'})).status,
        (await member.ask("DELETE", path, headers={"if-match": '"1"'})).status,
        (await member.ask("GET", path)).status,
    ]
    assert codes == [428, 412, 204, 404]


async def test_an_id_is_given_once(member: Vault) -> None:
    path = await create(member)
    answer = await member.ask("POST", "/api/v1/entries", {"id": path.rpartition("/")[2], "blob": BLOB})
    assert answer.status == 409


async def test_an_account_sees_its_own_entries_alone(member: Vault) -> None:
    path = await create(member)
    await member.sign_up("james", KEY)
    codes = [
        (await member.ask("GET", path)).status,
        (await member.ask("PUT", path, {"blob": BLOB}, headers={"if-match": '"1"'})).status,
        (await member.ask("DELETE", path, headers={"if-match": '"1"'})).status,
    ]
    assert (codes, body(await member.ask("GET", "/api/v1/entries"))["entries"]) == ([404, 404, 404], [])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_without_a_session_there_are_no_entries(vault: Vault, method: str) -> None:
    assert (await vault.ask(method, "/api/v1/entries", {})).status == 401


async def test_pages_together_are_the_whole_list(member: Vault) -> None:
    large = encode(b"x" * entries.MAX_BLOB)
    made = {(await create(member, large)).rpartition("/")[2] for _ in range(7)}
    seen, after, pages = [], "", 0
    while after is not None:
        page = body(await member.ask("GET", f"/api/v1/entries{after and '?after=' + after}"))
        seen += [entry["id"] for entry in page["entries"]]
        after, pages = page["next"], pages + 1
    assert (set(seen), len(seen), pages > 1) == (made, 7, True)


async def test_the_export_holds_all_that_opens_the_account(member: Vault) -> None:
    paths = [await create(member) for _ in range(3)]
    answer = await member.ask("GET", "/api/v1/export")
    assert not isinstance(answer.body, bytes)
    export = json.loads(b"".join([piece async for piece in answer.body]))
    assert {entry["id"] for entry in export["entries"]} == {path.rpartition("/")[2] for path in paths}
    assert {"format", "name", "salt", "iterations", "wrapped_key"} <= export.keys()


async def test_an_empty_export_is_valid_json(member: Vault) -> None:
    answer = await member.ask("GET", "/api/v1/export")
    assert not isinstance(answer.body, bytes)
    assert json.loads(b"".join([piece async for piece in answer.body]))["entries"] == []


async def test_a_blob_is_bounded(member: Vault) -> None:
    document = {"id": str(uuid.uuid4()), "blob": encode(b"x" * (entries.MAX_BLOB + 1))}
    assert (await member.ask("POST", "/api/v1/entries", document)).status == 400


async def test_the_number_of_entries_is_bounded(member: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "MAX_ENTRIES", 2)
    for _ in range(2):
        await create(member)
    assert (await member.ask("POST", "/api/v1/entries", {"id": str(uuid.uuid4()), "blob": BLOB})).status == 413


async def test_the_size_of_an_account_is_bounded_for_updates_too(
    member: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await create(member)
    monkeypatch.setattr(entries, "MAX_TOTAL", 70)
    assert (await member.ask("PUT", path, {"blob": OTHER_BLOB}, headers={"if-match": '"1"'})).status == 413


@pytest.mark.parametrize("identity", ["1", "../../etc", str(uuid.uuid4()).upper(), str(uuid.uuid1())])
async def test_an_id_is_a_random_uuid(member: Vault, identity: str) -> None:
    assert (await member.ask("POST", "/api/v1/entries", {"id": identity, "blob": BLOB})).status == 400


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'"x"', b"[" * 100_000, b"\xff"])
async def test_a_body_that_is_no_object_is_refused(member: Vault, raw: bytes) -> None:
    from clavitor.http import Request

    headers = {"content-type": "application/json", "authorization": f"Bearer {member.token}"}
    answer = await member.app.handle(Request("POST", "/api/v1/entries", "", headers, raw, "192.0.2.1"))
    assert answer.status == 400


async def test_an_account_that_asks_too_fast_is_slowed_down(member: Vault) -> None:
    codes = [(await member.ask("GET", "/api/v1/entries")).status for _ in range(260)]
    assert set(codes) == {200, 429}


@given(st.binary(min_size=28, max_size=200))
def test_base64url_comes_back_as_it_went(data: bytes) -> None:
    assert octets({"blob": encode(data)}, "blob", 28, 200) == data


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=60))
def test_any_text_in_place_of_base64url_is_refused_or_decoded(text: str) -> None:
    with contextlib.suppress(HttpError):
        assert len(octets({"blob": text}, "blob", 1, 50)) <= 50

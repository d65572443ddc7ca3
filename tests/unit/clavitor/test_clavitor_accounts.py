"""Accounts and sessions: who gets in, who does not, and that the two look alike from outside."""

import asyncio
import threading
import time
from base64 import urlsafe_b64decode
from contextlib import closing
from functools import partial

import pytest

from clavitor import sessions, stretch
from clavitor.database import connect
from clavitor_service import KEY, LOCKS, OTHER_KEY, Vault, body, header


async def test_an_invitation_opens_one_account(vault: Vault) -> None:
    assert (await vault.sign_up()).status == 201


async def test_an_invitation_is_used_up(vault: Vault) -> None:
    code = vault.invitation()
    await vault.sign_up("first", code=code)
    assert (await vault.sign_up("second", code=code)).status == 403


async def test_an_expired_invitation_is_refused(vault: Vault) -> None:
    assert (await vault.sign_up(code=vault.invitation(days=-1))).status == 403


async def test_an_invitation_may_be_typed_in_any_case_and_spacing(vault: Vault) -> None:
    code = vault.invitation().lower().replace("-", " ")
    assert (await vault.sign_up(code=code)).status == 201


async def test_a_taken_name_leaves_the_invitation_unused(vault: Vault) -> None:
    await vault.sign_up("johan")
    code = vault.invitation()
    assert (await vault.sign_up("johan", code=code)).status == 409
    assert (await vault.sign_up("james", code=code)).status == 201


async def test_the_invitation_is_stored_hashed(vault: Vault) -> None:
    code = vault.invitation()
    assert code.encode() not in vault.path.with_name("vault.db-wal").read_bytes()


async def test_unknown_name_and_wrong_password_get_the_same_answer(vault: Vault) -> None:
    await vault.sign_up()
    vault.token = ""
    wrong, unknown = await vault.sign_in(key=OTHER_KEY), await vault.sign_in("nobody")
    assert (wrong.status, wrong.body, wrong.headers) == (401, unknown.body, unknown.headers)


async def test_unknown_name_and_wrong_password_cost_the_same_work(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vault.sign_up()
    work = []
    honest = stretch._scrypt

    def counted(key: bytes, salt: bytes) -> bytes:
        work.append(len(salt))
        return honest(key, salt)

    monkeypatch.setattr(stretch, "_scrypt", counted)
    await vault.sign_in(key=OTHER_KEY)
    await vault.sign_in("nobody")
    assert work == [16, 16]


async def test_an_unknown_name_has_a_salt_that_stays(vault: Vault) -> None:
    answers = [body(await vault.ask("POST", "/api/v1/derivation", {"name": "nobody"})) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(urlsafe_b64decode(answers[0]["salt"] + "==")) == 16


async def test_a_known_name_has_its_own_salt(vault: Vault) -> None:
    await vault.sign_up()
    answer = body(await vault.ask("POST", "/api/v1/derivation", {"name": "Johan"}))
    assert answer == {"salt": LOCKS["salt"], "iterations": 600_000}


async def test_a_browser_gets_its_session_as_a_cookie_that_no_script_can_read(vault: Vault) -> None:
    await vault.sign_up()
    cookie = header(await vault.sign_in(), "set-cookie")
    assert cookie.startswith("__Host-session=")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))


async def test_the_cookie_opens_the_account(vault: Vault) -> None:
    await vault.sign_up()
    cookie = header(await vault.sign_in(), "set-cookie").partition(";")[0]
    vault.token = ""
    assert (await vault.ask("GET", "/api/v1/entries", headers={"cookie": cookie})).status == 200


async def test_a_cookie_sent_along_by_another_site_is_refused(vault: Vault) -> None:
    await vault.sign_up()
    cookie = header(await vault.sign_in(), "set-cookie").partition(";")[0]
    vault.token = ""
    headers = {"cookie": cookie, "sec-fetch-site": "cross-site"}
    assert (await vault.ask("GET", "/api/v1/entries", headers=headers)).status == 403


async def test_the_token_is_stored_hashed(vault: Vault) -> None:
    await vault.sign_up()
    assert vault.token.encode() not in vault.path.with_name("vault.db-wal").read_bytes()


async def test_signing_out_ends_the_session(vault: Vault) -> None:
    await vault.sign_up()
    assert (await vault.ask("DELETE", "/api/v1/session")).status == 204
    assert (await vault.ask("GET", "/api/v1/entries")).status == 401


@pytest.mark.parametrize(
    ("created", "seen", "status"),
    [
        (0, sessions.IDLE - 5, 200),
        (sessions.ABSOLUTE - 5, 0, 200),
        (0, sessions.IDLE + 5, 401),
        (sessions.ABSOLUTE + 5, 0, 401),
    ],
)
async def test_a_session_ends_idle_and_ends_anyway(vault: Vault, created: float, seen: float, status: int) -> None:
    await vault.sign_up()
    now = time.time()
    await vault.database.write(
        lambda db: db.execute("UPDATE sessions SET created = ?, seen = ?", (now - created, now - seen))
    )
    assert (await vault.ask("GET", "/api/v1/entries")).status == status


async def test_use_keeps_a_session_alive(vault: Vault) -> None:
    await vault.sign_up()
    old = time.time() - sessions.IDLE + 60
    await vault.database.write(lambda db: db.execute("UPDATE sessions SET seen = ?", (old,)))
    await vault.ask("GET", "/api/v1/entries")
    seen = await vault.database.read(lambda db: db.execute("SELECT seen FROM sessions").fetchone()[0])
    assert seen > old + 60


async def test_an_account_has_a_bounded_number_of_sessions(vault: Vault) -> None:
    await vault.sign_up()
    account = await vault.database.read(lambda db: db.execute("SELECT id FROM accounts").fetchone()[0])
    for number in range(15):
        moment = time.time() + number
        await vault.database.write(partial(sessions.create, account=account, now=moment))
    count = await vault.database.read(lambda db: sessions.count(db, time.time()))
    assert count == sessions.MAX_PER_ACCOUNT


async def test_deleting_the_account_needs_its_password_again(vault: Vault) -> None:
    await vault.sign_up()
    assert (await vault.ask("DELETE", "/api/v1/account", {"authentication_key": OTHER_KEY})).status == 401


async def test_deleting_the_account_leaves_nothing_of_it(vault: Vault) -> None:
    await vault.sign_up()
    await vault.ask("DELETE", "/api/v1/account", {"authentication_key": KEY})
    tables = ("accounts", "sessions", "entries")
    left = await vault.database.read(
        lambda db: [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]
    )
    assert left == [0, 0, 0]


async def test_a_new_password_replaces_the_old_one_and_ends_other_sessions(vault: Vault) -> None:
    await vault.sign_up()
    change = {"authentication_key": KEY, "new": {"authentication_key": OTHER_KEY, **LOCKS}}
    assert (await vault.ask("PUT", "/api/v1/account", change)).status == 200
    others = (await vault.ask("GET", "/api/v1/entries")).status
    assert (others, (await vault.sign_in()).status, (await vault.sign_in(key=OTHER_KEY)).status) == (401, 401, 200)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_password_that_is_changed_while_it_is_proven_opens_nothing(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    await vault.sign_up()
    scrypt = stretch._scrypt

    def changing(key: bytes, salt: bytes) -> bytes:
        with closing(connect(vault.path)) as other:
            other.execute("UPDATE accounts SET verifier = x'00'")
        return scrypt(key, salt)

    monkeypatch.setattr(stretch, "_scrypt", changing)
    change = {"authentication_key": KEY, "new": {"authentication_key": OTHER_KEY, **LOCKS}}
    answer = await (vault.sign_in() if method == "POST" else vault.ask(method, "/api/v1/account", change))
    assert answer.status == 401
    assert await vault.database.read(lambda db: db.execute("SELECT count(*) FROM accounts").fetchone()[0]) == 1


async def test_signing_in_again_ends_the_session_that_the_client_held(vault: Vault) -> None:
    await vault.sign_up()
    assert (await vault.sign_in()).status == 200
    assert (await vault.ask("GET", "/api/v1/entries")).status == 401


async def test_guessing_a_password_is_slowed_down_per_name(vault: Vault) -> None:
    codes = [(await vault.sign_in("victim", peer=f"192.0.2.{number}")).status for number in range(12)]
    assert codes == [401] * 10 + [429] * 2


async def test_the_waiting_line_for_scrypt_is_short(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = threading.Event()
    monkeypatch.setattr(stretch, "_scrypt", lambda *_: begin.wait(20) and b"")
    attempts = [asyncio.create_task(vault.sign_in(f"user-{number}", peer=f"192.0.2.{number}")) for number in range(12)]
    refused, waiting = await asyncio.wait(attempts, timeout=20, return_when=asyncio.FIRST_COMPLETED)
    while len(refused) < 12 - stretch.MAX_WAITING:
        done, waiting = await asyncio.wait(waiting, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        refused |= done
    begin.set()
    served = [answer.status for answer in await asyncio.gather(*waiting)]
    answers = [(answer.result().status, bool(header(answer.result(), "retry-after"))) for answer in refused]
    assert (answers, served) == ([(503, True)] * 4, [401] * stretch.MAX_WAITING)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "ab"),
        ("name", "two words"),
        ("name", 7),
        ("authentication_key", "short"),
        ("authentication_key", "!" * 43),
        ("iterations", 599_999),
        ("iterations", True),
        ("iterations", 10_000_001),
        ("salt", ""),
        ("wrapped_key", "AAAA"),
    ],
)
async def test_a_malformed_field_is_refused_by_name(vault: Vault, field: str, value: object) -> None:
    document = {"invitation": "X", "name": "johan", "authentication_key": KEY, **LOCKS, field: value}
    answer = await vault.ask("POST", "/api/v1/account", document)
    assert (answer.status, field in body(answer)["error"]) == (400, True)

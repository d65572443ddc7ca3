"""Channels against real servers on loopback: what arrives, and what each refusal means."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message as Mail
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from noc.watch.alerts.channels import Message, NotSent
from noc.watch.alerts.channels.apprise import AppriseChannel, Unfit, service_at
from noc.watch.alerts.channels.ntfy import LONGEST_RETRY_AFTER_S, NtfyChannel, refusal
from noc.watch.credentials import exposed, read_credential
from watch_kit import Receiver, free_port, receiving

MESSAGE = Message(
    "clavitor-7-1700000000-opened",
    "SEV2",
    "SEV2 frankfurt: no heartbeat",
    "frankfurt (Frankfurt) is down since 14:03:22 CET.",
    "https://noc.clavitor.test/incidents/7",
    "https://noc.clavitor.test/ack/secret-key",
)
SECRET = "tk-very-secret-token"
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise imports it


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Keep a credential as systemd would hand it over."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    def kept(name: str, text: str) -> None:
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o400)

    return kept


async def test_ntfy_gets_one_document_with_the_id_of_the_alert(
    receiver: Receiver, keep: Callable[[str, str], None]
) -> None:
    keep("ntfy_token", f"{SECRET}\n")
    await NtfyChannel("ntfy", receiver.url, "clavitor-alerts", "ntfy_token").send(MESSAGE)
    [(name, document, headers)] = receiver.got
    assert (name, headers["authorization"]) == (MESSAGE.id, f"Bearer {SECRET}")
    assert (document["topic"], document["priority"], document["tags"]) == ("clavitor-alerts", 4, ["warning"])
    assert (document["title"], document["click"]) == (MESSAGE.title, MESSAGE.click)


async def test_the_action_that_acknowledges_carries_the_key_of_one_incident_and_nothing_else(
    receiver: Receiver, keep: Callable[[str, str], None]
) -> None:
    keep("ntfy_token", SECRET)
    await NtfyChannel("ntfy", receiver.url, "clavitor-alerts", "ntfy_token").send(MESSAGE)
    document = receiver.got[0][1]
    assert document["actions"] == [
        {"action": "http", "label": "Acknowledge", "url": MESSAGE.acknowledge, "method": "POST", "clear": True},
        {"action": "view", "label": "Open", "url": MESSAGE.click},
    ]
    assert SECRET not in json.dumps(document)


async def test_the_labs_ntfy_takes_what_we_send(keep: Callable[[str, str], None]) -> None:
    """The lab's stand-in refuses what the original refuses (docs/lab.md)."""
    from noc.lab.services.ntfy.server import Server

    keep("ntfy_token", SECRET)
    server = Server(("127.0.0.1", 0), SECRET)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        await NtfyChannel("ntfy", url, "alerts", "ntfy_token").send(MESSAGE)
        with pytest.raises(NotSent, match="403"):
            await NtfyChannel("ntfy", url, "alerts").send(MESSAGE)
        [message] = server.topics.since("alerts", "all")
        assert [action["label"] for action in message["actions"]] == ["Acknowledge", "Open"]
    finally:
        server.shutdown()
        server.server_close()


async def test_a_token_does_not_travel_in_the_clear(keep: Callable[[str, str], None]) -> None:
    keep("ntfy_token", SECRET)
    channel = NtfyChannel("ntfy", "http://ntfy.example", "alerts", "ntfy_token")
    assert "Authorization" not in channel._headers(MESSAGE)


async def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    from noc.lab.authority import Authority

    certificate, key = Authority().issue("localhost", IPv4Address("127.0.0.1"))
    (tmp_path / "crt").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
        await NtfyChannel("ntfy", url, "alerts").send(MESSAGE)
    server.close()
    assert seen == []


@pytest.mark.parametrize(
    ("status", "others"), [(400, True), (413, True), (401, False), (403, False), (429, False), (500, False)]
)
def test_a_message_at_fault_holds_up_no_other_and_a_server_at_fault_all(status: int, others: bool) -> None:
    assert refusal(status, "").others is others


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("999999999999", LONGEST_RETRY_AFTER_S, LONGEST_RETRY_AFTER_S),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        ("soon", 0, 0),
        ("", 0, 0),
    ],
)
def test_a_retry_after_is_obeyed_within_bounds(header: str, least: float, most: float) -> None:
    assert least <= refusal(429, header).after <= most


def test_a_retry_after_that_is_a_date_is_obeyed() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 30 <= refusal(429, date).after <= 60


class Hook:
    """A webhook's server: keeps the documents that it gets, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if hook.status == 200:
                    hook.got.append(document)
                self.send_response(hook.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Keep the test's output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


async def test_a_webhook_gets_title_text_and_links_and_no_word_of_the_library(
    hook: Hook, keep: Callable[[str, str], None]
) -> None:
    keep("hook_url", f"json://127.0.0.1:{hook.port}/path")
    await AppriseChannel("hook", "hook_url").send(MESSAGE)
    [document] = hook.got
    assert (document["title"], document["type"]) == (MESSAGE.title, "warning")
    assert MESSAGE.acknowledge in document["message"]
    assert MESSAGE.click in document["message"]
    assert "apprise" not in json.dumps(document).lower()


@pytest.mark.parametrize(("status", "others"), [(500, False), (400, True), (429, False), (401, False)])
async def test_a_webhooks_refusal_is_told_by_its_status_alone(
    hook: Hook,
    keep: Callable[[str, str], None],
    status: int,
    others: bool,
) -> None:
    keep("hook_url", f"json://user:{SECRET}@127.0.0.1:{hook.port}/{SECRET}")
    hook.status = status
    with pytest.raises(NotSent) as caught:
        await AppriseChannel("hook", "hook_url").send(MESSAGE)
    assert (str(caught.value), caught.value.others) == (f"JSON answered {status}", others)


async def test_a_service_that_is_not_there_is_told_without_its_address(
    keep: Callable[[str, str], None], caplog: pytest.LogCaptureFixture
) -> None:
    keep("hook_url", f"json://127.0.0.1:{free_port()}/{SECRET}")
    with pytest.raises(NotSent) as caught:
        await AppriseChannel("hook", "hook_url").send(MESSAGE)
    assert SECRET not in str(caught.value) + caplog.text


async def test_an_address_that_cannot_be_read_is_repeated_nowhere(
    keep: Callable[[str, str], None], caplog: pytest.LogCaptureFixture
) -> None:
    keep("hook_url", f"nosuchscheme://{SECRET}")
    with pytest.raises(NotSent, match="does not understand") as caught:
        await AppriseChannel("hook", "hook_url").send(MESSAGE)
    assert SECRET not in str(caught.value) + caplog.text


class Mailbox:
    """What the mail server took."""

    def __init__(self) -> None:
        self.got: list[Mail] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - its library's
        from email import message_from_bytes

        self.got.append(message_from_bytes(envelope.content))
        return "250 OK"


async def test_a_mail_arrives_at_a_real_smtp_server(keep: Callable[[str, str], None]) -> None:
    from aiosmtpd.controller import Controller

    mailbox, port = Mailbox(), free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        keep("mail_url", f"mailto://127.0.0.1:{port}?to=ops@example.com&from=noc@example.com")
        await AppriseChannel("mail", "mail_url").send(MESSAGE)
    finally:
        controller.stop()
    [mail] = mailbox.got
    assert (mail["Subject"], mail["To"]) == (MESSAGE.title, "ops@example.com")
    text = next(part.get_payload(decode=True) for part in mail.walk() if part.get_content_maintype() == "text")
    assert MESSAGE.click.encode() in text


async def test_apprises_own_ntfy_reaches_a_real_receiver(receiver: Receiver, keep: Callable[[str, str], None]) -> None:
    keep("other_url", f"ntfy://127.0.0.1:{receiver.port}/alerts")
    await AppriseChannel("other", "other_url").send(MESSAGE)
    assert receiver.got[0][1]["title"] == MESSAGE.title


UNFIT = [
    ("", "no such credential"),
    ("json://hooks.example/x", "in the clear"),
    ("jsons://hooks.example/x?verify=no", "verification"),
    ("mailto://u:p@example.com", "in the clear"),
    ("mailto://localhost?smtp=mail.example.com&to=a@example.com&from=b@example.com", "in the clear"),
    ("mailtos://u:p@example.com?mode=insecure", "in the clear"),
]


@pytest.mark.parametrize(("address", "why"), UNFIT)
def test_an_address_without_verified_tls_is_refused(address: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        service_at(address)


FIT = [
    "jsons://hooks.example/x",
    "mailtos://u:p@example.com",
    "tgram://123456789:abcdefg_hijklmnop/12315544/",
    "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
]


@pytest.mark.parametrize("address", FIT)
def test_an_address_that_uses_tls_is_taken_and_follows_no_redirect(address: str) -> None:
    service = service_at(address)
    assert (service.verify_certificate, service.redirects) == (True, False)


def test_a_credential_is_its_first_line_and_of_bounded_size(keep: Callable[[str, str], None]) -> None:
    keep("token", f" {SECRET} \n# a remark\n")
    keep("large", "x" * 5_000)
    assert [read_credential(name) for name in ("token", "large", "missing")] == [SECRET, "", ""]


def test_a_credential_that_every_login_can_read_is_noticed(keep: Callable[[str, str], None], tmp_path: Path) -> None:
    keep("token", SECRET)
    assert not exposed("token")
    (tmp_path / "token").chmod(0o644)
    assert exposed("token")

"""HQ's sign of life: where it goes, when it is given, and that nobody learns where to."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from noc.fleet.witnessing import DeadMan as Settings
from noc.watch.clock import now
from noc.watch.config import Config
from noc.watch.errors import BadDeadManAddress
from noc.watch.house.deadman import DeadMan, address
from watch_kit import free_port, until_true, write_fleet

MORE = {"seq": "7", "boot": "b", "t": "1.000"}
PUSH = "https://noc.example.net/api/push/TOKEN"


def test_a_healthchecks_address_is_asked_as_it_is() -> None:
    assert address("https://hc-ping.com/5c3b/hq?create=1", MORE) == "https://hc-ping.com/5c3b/hq?create=1"


@pytest.mark.parametrize("url", [PUSH, f"{PUSH}?status=up&msg=OK&ping="])
def test_a_push_monitor_gets_the_parameters_of_its_wire(url: str) -> None:
    parts = urlsplit(address(url, MORE))
    assert (parts.netloc, parts.path) == ("noc.example.net", "/api/push/TOKEN")
    said = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    assert said == {"status": "up", "msg": "OK", "ping": "", **MORE}


@pytest.mark.parametrize("url", ["http://10.85.0.1:8084/api/push/x", "http://127.0.0.1:1/x", "http://localhost/x"])
def test_without_tls_a_sign_may_go_through_a_tunnel(url: str) -> None:
    assert address(url, MORE).startswith(url)


@pytest.mark.parametrize(
    "url", ["", "SECRET", "http://hc-ping.com/SECRET", "ftp://10.0.0.1/SECRET", "https:///SECRET", "https://[SECRET",
            "https://a b/SECRET", "https://a:99999/SECRET", "https://a/\nSECRET"],
)  # fmt: skip
def test_an_address_that_would_give_the_secret_away_or_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(BadDeadManAddress) as refused:
        address(url, MORE)
    assert "SECRET" not in f"{refused.value} {refused.value.why}"


class Receiver:
    """A stand-in for a push monitor: notes what it is asked, and answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readline()).decode().split()[1])
        writer.write(f"HTTP/1.1 {self.status} X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


class Stage:
    """A sign that is given every twentieth of a second to a receiver on loopback, unless HQ ails."""

    def __init__(self, tmp_path: Path) -> None:
        config = Config.read(write_fleet(tmp_path / "fleet"))
        fleet = config.fleet.model_copy(update={"dead_man": Settings(interval=0.05)})
        self.config = replace(config, fleet=fleet)
        self.ailment = ""
        self.receiver = Receiver()
        self.dead_man = DeadMan(lambda: self.config, lambda _: self.ailment)

    @asynccontextmanager
    async def signing(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str = "") -> AsyncIterator[None]:
        server = await asyncio.start_server(self.receiver.answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        (tmp_path / "dead_man_url").write_text(url or f"http://127.0.0.1:{port}/api/push/SECRET\n")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        task = asyncio.create_task(self.dead_man.run())
        try:
            async with server:
                yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_while_all_is_well_signs_are_given_and_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(tmp_path)
    async with stage.signing(monkeypatch, tmp_path):
        await until_true(lambda: len(stage.receiver.asked) >= 3)
    numbers = [parse_qs(urlsplit(asked).query)["seq"][0] for asked in stage.receiver.asked]
    assert numbers[:3] == ["0", "1", "2"]
    assert stage.dead_man.trouble == ""


async def test_while_hq_ails_no_sign_is_given_and_the_silence_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(tmp_path)
    stage.ailment = "nothing was judged for 9 s"
    async with stage.signing(monkeypatch, tmp_path):
        await until_true(lambda: (stage.dead_man.silent_s(now()) or 0) > 0.3)
        assert (stage.receiver.asked, stage.dead_man.trouble) == ([], stage.ailment)
        stage.ailment = ""
        await until_true(lambda: stage.receiver.asked)
        await until_true(lambda: (stage.dead_man.silent_s(now()) or 9) < 0.3)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_receiver_that_does_not_take_it_is_trouble_and_its_address_reaches_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.INFO, "noc")
    stage = Stage(tmp_path)
    stage.receiver.status = status
    async with stage.signing(monkeypatch, tmp_path):
        await until_true(lambda: len(stage.receiver.asked) >= 2)
    assert stage.dead_man.trouble == f"the receiver answered {status}"
    assert {urlsplit(asked).path for asked in stage.receiver.asked} == {"/api/push/SECRET"}
    assert f"answered {status}" in caplog.text
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}/SECRET", "https://127.0.0.1:{port}/SECRET", "http://a.b/SECRET"]
)
async def test_where_nobody_listens_the_words_name_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    stage = Stage(tmp_path)
    async with stage.signing(monkeypatch, tmp_path, url.format(port=free_port())):
        await until_true(lambda: stage.dead_man.trouble)
    assert "SECRET" not in stage.dead_man.trouble + caplog.text


async def test_without_an_address_no_sign_is_given_and_none_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    stage = Stage(tmp_path)
    await stage.dead_man.run()
    assert stage.dead_man.silent_s(now()) is None

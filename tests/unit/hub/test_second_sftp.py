"""The second place behind SFTP: a real server on this machine's loopback, right, wrong, damaged and full."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest

from noc.fleet.backing import Second
from noc.hosts.trust import generate_key
from noc.hub.errors import SecondAbsent, SecondDiffers
from noc.hub.second import copies, name_of
from noc.hub.second_opening import opened

NOW = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
NAME = name_of("zurich", NOW)


class Damaging(asyncssh.SFTPServer):
    """Gives back another byte than it was given."""

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """The file, with its first byte changed."""
        content = super().read(file_obj, offset, size)
        assert isinstance(content, bytes)
        return content if offset else b"!" + content[1:]


class Full(asyncssh.SFTPServer):
    """Takes nothing more."""

    def write(self, _file: object, _offset: int, _data: bytes) -> int:
        """Refuse it."""
        raise asyncssh.SFTPFailure("quota exceeded")


class Server:
    """An SSH server of one user, in a thread of its own."""

    def __init__(self, work: Path) -> None:
        """Make keys; nothing listens yet."""
        pair = generate_key("backups")
        self.key, self.place = work / "second_key", work / "place"
        self.key.touch(mode=0o600)
        self.key.write_bytes(pair.private)
        (work / "authorized").write_text(pair.public + "\n")
        self.place.mkdir()
        self._host_key, self._work = asyncssh.generate_private_key("ssh-ed25519"), work

    @contextmanager
    def serving(self, kind: type[asyncssh.SFTPServer] = asyncssh.SFTPServer) -> Iterator[Second]:
        """Serve, and yield how the fleet file would name it."""
        loop, port = asyncio.new_event_loop(), Future[int]()

        async def listen() -> asyncssh.SSHAcceptor:
            factory: Callable[..., asyncssh.SFTPServer] = kind
            acceptor = await asyncssh.listen(
                "127.0.0.1",
                0,
                server_host_keys=[self._host_key],
                authorized_client_keys=str(self._work / "authorized"),
                sftp_factory=factory,
            )
            port.set_result(acceptor.get_port())
            return acceptor

        acceptor = loop.run_until_complete(listen())
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield Second(
                path=str(self.place), host="127.0.0.1", port=port.result(), host_key=self._host_key.get_fingerprint()
            )
        finally:
            loop.call_soon_threadsafe(acceptor.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(bytes(range(256)) * 4000)
    return path


def test_a_file_is_there_whole_and_closed_to_others(server: Server, source: Path) -> None:
    with server.serving() as second, opened(second, server.key) as place:
        place.put(source, NAME)
    assert [path.name for path in server.place.iterdir()] == [NAME]
    written = server.place / NAME
    assert hashlib.sha256(written.read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()
    assert written.stat().st_mode & 0o777 == 0o600


def test_what_lies_there_is_listed_and_removed(server: Server, source: Path) -> None:
    with server.serving() as second, opened(second, server.key) as place:
        place.put(source, NAME)
        assert [(copy.name, copy.bytes) for copy in copies(place.files(), "zurich")] == [(NAME, 1_024_000)]
        place.remove(NAME)
        assert copies(place.files(), "zurich") == ()


def test_a_part_that_a_cut_transfer_left_is_in_nobody_s_way(server: Server, source: Path) -> None:
    (server.place / f".{NAME}.part").write_bytes(b"half")
    with server.serving() as second, opened(second, server.key) as place:
        place.put(source, NAME)
    assert [path.name for path in server.place.iterdir()] == [NAME]


def test_another_machine_is_told_nothing(server: Server, source: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").get_fingerprint()
    with server.serving() as second:
        wrong = second.model_copy(update={"host_key": other})
        with pytest.raises(SecondAbsent) as caught, opened(wrong, server.key) as place:
            place.put(source, NAME)
    assert "is not the machine that was meant" in str(caught.value.why)
    assert list(server.place.iterdir()) == []


def test_a_place_that_is_gone_is_said_to_be(server: Server) -> None:
    with server.serving() as second:
        pass
    with pytest.raises(SecondAbsent) as caught, opened(second, server.key):
        pass
    assert "refused" in str(caught.value.why)


def test_a_copy_that_comes_back_otherwise_is_not_kept(server: Server, source: Path) -> None:
    with server.serving(Damaging) as second, opened(second, server.key) as place, pytest.raises(SecondDiffers):
        place.put(source, NAME)
    assert list(server.place.iterdir()) == []


def test_a_place_that_is_full_keeps_nothing_half(server: Server, source: Path) -> None:
    with server.serving(Full) as second, opened(second, server.key) as place, pytest.raises(SecondAbsent) as caught:
        place.put(source, NAME)
    assert "quota exceeded" in str(caught.value.why)
    assert list(server.place.iterdir()) == []

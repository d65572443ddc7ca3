"""Reaching a machine: OpenSSH's own server on loopback, the right one and the wrong ones."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from loopback_sshd import LoopbackSshd
from noc.hosts.errors import (
    AuthRefused,
    CommandFailed,
    ConnectionLost,
    DiskFull,
    HostKeyMismatch,
    KeyUnusable,
    NoTrust,
    Overdue,
    Unreachable,
)
from noc.hosts.ssh import Authority, Pinned, Target, connect
from noc.hosts.sshshell import SSHShell
from noc.hosts.trust import fingerprint, generate_key

CA, OTHER_CA = generate_key("ca"), generate_key("other ca")
Start = Callable[..., LoopbackSshd]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    servers: list[LoopbackSshd] = []

    def _start(**options: object) -> LoopbackSshd:
        directory = tmp_path / f"sshd{len(servers)}"
        directory.mkdir()
        servers.append(LoopbackSshd(directory, **options))  # type: ignore[arg-type]
        return servers[-1]

    yield _start
    for server in servers:
        server.close()


@pytest.fixture
def server(start: Start) -> LoopbackSshd:
    return start()


@pytest.fixture
async def shell(server: LoopbackSshd) -> AsyncIterator[SSHShell]:
    opened = await connect(server.target(Pinned(server.fingerprint)))
    yield opened
    await opened.close()


async def test_the_pinned_machine_runs_commands(shell: SSHShell) -> None:
    result = await shell.run("printf", "%s|", "one two", "it's", '"$HOME"', "é\n")
    assert result.stdout == 'one two|it\'s|"$HOME"|é\n|'


async def test_any_of_the_machine_s_keys_may_be_the_pinned_one(start: Start) -> None:
    server = start(keys=2)
    ecdsa = fingerprint((server.directory / "ecdsa.pub").read_text())
    shell = await connect(server.target(Pinned(ecdsa)))
    await shell.close()


async def test_another_host_key_gets_no_authentication_attempt(server: LoopbackSshd) -> None:
    stranger = generate_key("stranger")
    with pytest.raises(HostKeyMismatch) as caught:
        await connect(server.target(Pinned(fingerprint(stranger.public))))
    assert server.authentication_attempts() == 0
    assert fingerprint(stranger.public) in caught.value.why


async def test_the_attempt_counter_sees_attempts(server: LoopbackSshd) -> None:
    shell = await connect(server.target(Pinned(server.fingerprint)))
    await shell.close()
    assert server.authentication_attempts() > 0


async def test_a_certificate_of_the_authority_for_this_name_is_trusted(start: Start) -> None:
    server = start(ca=CA, certificate_for="frankfurt")
    shell = await connect(server.target(Authority(CA.public, "frankfurt")))
    assert (await shell.run("echo", "in")).stdout == "in\n"
    await shell.close()


@pytest.mark.parametrize(
    ("options", "trust"),
    [
        ({"ca": CA, "certificate_for": "virginia"}, Authority(CA.public, "frankfurt")),
        ({"ca": OTHER_CA, "certificate_for": "frankfurt"}, Authority(CA.public, "frankfurt")),
        ({}, Authority(CA.public, "frankfurt")),
    ],
    ids=["another node's certificate", "another authority's certificate", "a plain key"],
)
async def test_nothing_but_a_certificate_for_this_name_will_do(
    start: Start, options: dict[str, object], trust: Authority
) -> None:
    server = start(**options)
    with pytest.raises(HostKeyMismatch):
        await connect(server.target(trust))
    assert server.authentication_attempts() == 0


@pytest.mark.parametrize(
    "trust", [None, Pinned(""), Pinned("MD5:aa:bb"), Pinned("SHA256:short"), Authority("no key", "frankfurt")]
)
async def test_without_trust_the_machine_is_not_contacted(
    server: LoopbackSshd, trust: Pinned | Authority | None
) -> None:
    with pytest.raises(NoTrust):
        await connect(server.target(trust))
    assert "Connection from" not in server.log.read_text()


async def test_an_unknown_key_of_ours_is_refused(server: LoopbackSshd, tmp_path: Path) -> None:
    key = tmp_path / "other"
    key.touch(mode=0o600)
    key.write_bytes(generate_key("other").private)
    with pytest.raises(AuthRefused):
        await connect(server.target(Pinned(server.fingerprint), key=key))


async def test_a_key_that_others_can_read_is_not_used(server: LoopbackSshd) -> None:
    server.client_key.chmod(0o644)
    with pytest.raises(KeyUnusable, match="mode 644"):
        await connect(server.target(Pinned(server.fingerprint)))


async def test_a_missing_key_is_named(server: LoopbackSshd, tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="absent"):
        await connect(server.target(Pinned(server.fingerprint), key=tmp_path / "absent"))


async def test_a_closed_port_is_told_as_refused(server: LoopbackSshd) -> None:
    server.close()
    with pytest.raises(Unreachable, match="refused"):
        await connect(server.target(Pinned(server.fingerprint)))


async def test_a_machine_that_does_not_answer_is_told_as_such(server: LoopbackSshd) -> None:
    os.kill(server.process.pid, 19)
    try:
        with pytest.raises(Unreachable, match="no answer within"):
            await connect(server.target(Pinned(server.fingerprint)), timeout_s=0.3)
    finally:
        os.kill(server.process.pid, 18)


async def test_a_name_without_an_address_is_told_as_such(server: LoopbackSshd) -> None:
    target = Target("frankfurt", "frankfurt.invalid", server.client_key, Pinned(server.fingerprint))
    with pytest.raises(Unreachable, match="its name has no address"):
        await connect(target)


async def test_the_operator_s_own_known_hosts_change_nothing(
    server: LoopbackSshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{server.port} {server.host.public}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(HostKeyMismatch):
        await connect(server.target(Authority(CA.public, "frankfurt")))


async def test_a_failed_command_carries_its_status_and_last_words(shell: SSHShell) -> None:
    with pytest.raises(CommandFailed, match="status 3, second line") as caught:
        await shell.run("sh", "-c", "echo first line >&2; echo second line >&2; exit 3")
    assert caught.value.result.status == 3


async def test_a_status_may_be_looked_at_instead(shell: SSHShell) -> None:
    assert (await shell.run("false", check=False)).status == 1


async def test_a_signal_is_told_as_a_shell_tells_it(shell: SSHShell) -> None:
    assert (await shell.run("sh", "-c", "kill -9 $$", check=False)).status == 137


@pytest.mark.parametrize("name", ["NONSENSE", "_DFL", "\x1b[31m"])
async def test_a_signal_that_does_not_exist_is_no_mistake_of_ours(
    shell: SSHShell, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("asyncssh.SSHClientProcess.exit_signal", (name, False, "", ""))
    assert (await shell.run("true", check=False)).status >= 128


async def test_a_command_that_does_not_end_is_stopped(shell: SSHShell, tmp_path: Path) -> None:
    with pytest.raises(Overdue):
        await shell.run("sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 60", timeout_s=0.5)
    pid = (tmp_path / "pid").read_text().strip()
    await shell.run("sh", "-c", f"while kill -0 {pid} 2>/dev/null; do sleep 0.02; done", timeout_s=10)


async def test_a_broken_connection_is_told_as_such(server: LoopbackSshd, shell: SSHShell) -> None:
    with pytest.raises(ConnectionLost):
        await shell.run("sh", "-c", f"kill -9 $(cat /proc/{server.process.pid}/task/{server.process.pid}/children)")


async def test_standard_input_reaches_the_command(shell: SSHShell) -> None:
    assert (await shell.run("wc", "-c", stdin=b"x" * 1_000_000)).stdout.strip() == "1000000"


async def test_a_command_may_leave_its_input_unread(shell: SSHShell) -> None:
    assert (await shell.run("echo", "done", stdin=b"x" * 10_000_000)).stdout == "done\n"


async def test_output_without_an_end_is_bounded(shell: SSHShell) -> None:
    result = await shell.run("sh", "-c", "head -c 20000000 /dev/zero", timeout_s=60)
    assert len(result.stdout) == 8 * 1024 * 1024


async def test_a_script_s_commands_cannot_swallow_the_script(shell: SSHShell) -> None:
    assert (await shell.script("cat\necho after")).stdout == "after\n"


async def test_a_script_stops_at_the_first_failure(shell: SSHShell) -> None:
    result = await shell.script("echo one\nfalse\necho two", check=False)
    assert (result.status, result.stdout) == (1, "one\n")


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 1_000_001])
async def test_a_file_arrives_whole_with_its_mode(shell: SSHShell, tmp_path: Path, size: int) -> None:
    content, there = os.urandom(size), tmp_path / "it's a file"
    await shell.put(content, str(there), mode=0o640)
    assert (there.read_bytes(), there.stat().st_mode & 0o777) == (content, 0o640)


async def test_a_file_is_streamed_from_a_file(shell: SSHShell, tmp_path: Path) -> None:
    source, there = tmp_path / "source", tmp_path / "there"
    source.write_bytes(os.urandom(3_000_000))
    await shell.put(source, str(there))
    assert there.read_bytes() == source.read_bytes()


async def test_nothing_is_left_where_a_file_cannot_be_written(shell: SSHShell, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/full").touch()
    with pytest.raises(CommandFailed):
        await shell.put(b"content", str(tmp_path / "there"))
    assert (await shell.run("ls", str(tmp_path / "there"))).stdout == "full\n"
    assert "there.new" not in (await shell.run("ls", str(tmp_path))).stdout


async def test_a_cut_transfer_goes_on_where_it_was(shell: SSHShell, tmp_path: Path) -> None:
    content, there = os.urandom(1_000_000), tmp_path / "there"
    there.with_name("there.part").write_bytes(content[:700_001])
    assert await shell.put(content, str(there), resume=True) == 299_999
    assert there.read_bytes() == content
    assert not there.with_name("there.part").exists()


async def test_what_is_longer_than_the_file_is_not_gone_on_with(shell: SSHShell, tmp_path: Path) -> None:
    (tmp_path / "there.part").write_bytes(bytes(20))
    assert await shell.put(b"content", str(tmp_path / "there"), resume=True) == 7
    assert (tmp_path / "there").read_bytes() == b"content"


async def test_a_transfer_that_is_cut_keeps_what_came(server: LoopbackSshd, shell: SSHShell, tmp_path: Path) -> None:
    source, there = tmp_path / "source", tmp_path / "there"
    source.write_bytes(os.urandom(64_000_000))
    part = tmp_path / "there.part"
    sending = asyncio.create_task(shell.put(source, str(there), resume=True))
    async with asyncio.timeout(20):
        while not (part.exists() and part.stat().st_size > 1_000_000):  # noqa: ASYNC110 - a file of another process
            await asyncio.sleep(0.002)
    server.drop_everybody()
    with pytest.raises(ConnectionLost):
        await sending
    again = await connect(server.target(Pinned(server.fingerprint)))
    assert 0 < await again.put(source, str(there), resume=True) < 64_000_000
    assert there.read_bytes() == source.read_bytes()
    await again.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="a file system of a known size needs root to mount")
async def test_a_full_disk_is_told_with_its_numbers(shell: SSHShell, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    await shell.run("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small))
    try:
        with pytest.raises(DiskFull, match=r"frankfurt has no room for .*: 2000000 bytes, and 1048576 are free"):
            await shell.put(bytes(2_000_000), str(small / "file"))
        assert (await shell.run("ls", str(small))).stdout == ""
    finally:
        await shell.run("umount", str(small))

"""Requirement 13: what is secret is its owner's alone, and a file that others may read is not used: exit 6, and the
command that mends it."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from pyrage import x25519

from loopback_sshd import LoopbackSshd
from noc.agent.channels import read_tokens
from noc.backup.identity import Identity
from noc.errors import NocError
from noc.hosts.ssh import Pinned, connect
from noc.hosts.trust import generate_key
from noc.hub.identity import make_identities
from noc.hub.places import NTFY_TOKEN
from noc.hub.secrets import set_secret
from noc.runs.admission.requests import Requests
from noc.runs.paths import Paths
from noc.runs.site.credential import credential
from noc.runs.site.site import open_site
from noc.watch.kuma.files import read_secret
from principal_kit import Hall
from runner_house import House
from unit.hosts.test_ssh import Start


def file(directory: Path, mode: int = 0o644) -> Path:
    """A secret that others may read."""
    path = directory / "telegram_token"
    path.write_text(f"{x25519.Identity.generate()}\n")
    path.chmod(mode)
    return path


READERS: dict[str, Callable[[Path], object]] = {
    "a credential of the runner": lambda path: credential(path.parent, path.name),
    "an age identity": Identity,
    "a login of Uptime Kuma": read_secret,
    "a token of the bot": lambda path: read_tokens(path.parent),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666])
def test_a_secret_that_others_may_read_is_not_used(tmp_path: Path, reader: str, mode: int) -> None:
    path = file(tmp_path, mode)
    with pytest.raises(NocError) as refused:
        READERS[reader](path)
    assert (refused.value.exit_code, f"chmod 600 {path}" in refused.value.fix) == (6, True)
    assert "AGE-SECRET-KEY-1" not in str(refused.value)
    path.chmod(0o600)
    READERS[reader](path)


async def test_an_ssh_key_that_others_may_read_opens_no_connection(start: Start) -> None:
    server: LoopbackSshd = start()
    server.client_key.chmod(0o644)
    with pytest.raises(NocError) as refused:
        await connect(server.target(Pinned(server.fingerprint)))
    assert (refused.value.exit_code, refused.value.fix) == (6, f"chmod 600 {server.client_key}")
    assert "Connection from" not in server.log.read_text()


def test_a_runner_with_an_exposed_key_reaches_for_no_node(paths: Paths) -> None:
    key = paths.credentials / "ssh_key"
    key.write_bytes(generate_key("noc").private)
    key.chmod(0o640 if key.stat().st_gid else 0o604)
    with pytest.raises(NocError) as refused:
        open_site(paths)
    assert (refused.value.exit_code, f"chmod 600 {key}" in refused.value.fix) == (6, True)


def test_a_runner_whose_approvals_others_may_write_does_not_start(paths: Paths) -> None:
    paths.requests.mkdir(parents=True)
    paths.requests.chmod(0o777)
    with pytest.raises(NocError) as refused:
        Requests(paths.requests).open()
    assert (refused.value.exit_code, f"chmod 700 {paths.requests}" in refused.value.fix) == (6, True)


def test_where_others_may_write_whose_chats_are_whose_nobody_in_a_chat_is_known(hall: Hall) -> None:
    hall.link("anna", "4711")
    hall.house.paths.identities.chmod(0o666)
    with pytest.raises(NocError) as refused:
        hall.bot("4711", "whoami")
    assert (refused.value.exit_code, f"chmod 600 {hall.house.paths.identities}" in refused.value.fix) == (6, True)


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir() if path.is_file()}


def test_what_we_make_for_an_operator_is_the_operators_alone(tmp_path: Path) -> None:
    make_identities(tmp_path / "noc")
    assert stat.S_IMODE((tmp_path / "noc").stat().st_mode) == 0o700
    found = modes(tmp_path / "noc")
    assert {name for name, mode in found.items() if mode == 0o600} == {
        "release_key",
        "operator.agekey",
        "recovery.agekey",
    }


@pytest.mark.skipif("os.geteuid() != 0", reason="credentials of HQ are root's: this needs root")
def test_a_secret_from_outside_is_kept_for_root_alone(tmp_path: Path) -> None:
    set_secret(NTFY_TOKEN, "tk-secret", tmp_path / "credentials")
    assert modes(tmp_path / "credentials") == {NTFY_TOKEN: 0o600}


def test_what_a_runner_writes_about_people_is_its_own_alone(house: House) -> None:
    house.let_go()
    _run, events = house.client.start(house.client.ask("plan", action="keygen", nodes=["frankfurt"])["plan"])
    list(events)
    kept = [house.paths.audit, house.paths.requests]
    assert [stat.S_IMODE(path.stat().st_mode) & 0o077 for path in kept] == [0, 0]

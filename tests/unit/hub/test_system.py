import grp
import os
import pwd
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from noc.errors import TimedOut
from noc.fleet.load import load
from noc.fleet.storing import Store
from noc.fleet.telling import Channel
from noc.hub.doors import in_ssh_session
from noc.hub.errors import BadRoot, BadSecret, NoTrust, StepFailed, UnknownSecret
from noc.hub.install import certificates, check_trust, keep_foreign
from noc.hub.proxy import BANNER
from noc.hub.secrets import OWN_KEYS, RUNNER, outside_secrets, remove_secret, set_secret, watch_secrets
from noc.hub.steps import Step, run_steps
from noc.hub.system import Owner, ensure_directory, ensure_file, ensure_owned, run
from noc.lab.authority import Authority
from noc.lab.fleet import SOURCE

ME, US = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


def mine(mode: int) -> Owner:
    return Owner(ME, US, mode)


def test_a_file_is_written_once_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    assert ensure_file(path, "text", mine(0o640)) == [str(path)]
    assert path.stat().st_mode & 0o777 == 0o640
    assert ensure_file(path, "text", mine(0o640)) == []


def test_a_wrong_mode_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    ensure_file(path, "text", mine(0o600))
    path.chmod(0o666)
    assert ensure_file(path, "text", mine(0o600)) == [str(path)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "file"
    elsewhere.write_text("theirs")
    path.symlink_to(elsewhere)
    ensure_file(path, "ours", mine(0o600))
    assert elsewhere.read_text() == "theirs"
    assert not path.is_symlink()


def test_a_directory_is_made_once_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    assert ensure_directory(path, mine(0o750)) == [str(path)]
    assert ensure_directory(path, mine(0o750)) == []
    assert path.stat().st_mode & 0o777 == 0o750


def test_a_link_in_the_place_of_a_directory_is_refused_and_its_target_left_alone(tmp_path: Path) -> None:
    """The runner owns the directory that this one lies in; root must not hand it whatever a link there names."""
    theirs, path = tmp_path / "theirs", tmp_path / "runs"
    theirs.mkdir(mode=0o700)
    path.symlink_to(theirs)
    with pytest.raises(StepFailed):
        ensure_directory(path, mine(0o755))
    assert theirs.stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_place_of_a_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(StepFailed):
        ensure_directory(tmp_path / "runs", mine(0o750))


def test_owner_and_mode_are_never_set_through_a_link(tmp_path: Path) -> None:
    theirs, path = tmp_path / "theirs", tmp_path / "ours"
    theirs.write_text("")
    theirs.chmod(0o644)
    path.symlink_to(theirs)
    with pytest.raises(StepFailed):
        ensure_owned(path, mine(0o600))
    assert theirs.stat().st_mode & 0o777 == 0o644


def test_of_an_authoritys_root_only_certificates_are_taken(tmp_path: Path) -> None:
    certificate, key = Authority().issue("acme.example", IPv4Address("192.0.2.1"))
    (tmp_path / "root.pem").write_bytes(b"root:x:0:0\n" + key + certificate)
    assert certificates(tmp_path / "root.pem").encode() == certificate


@pytest.mark.parametrize(
    "content", [b"", b"root:$6$x:1:0\n", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"]
)
def test_a_file_without_certificates_is_no_authoritys_root(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "root.pem").write_bytes(content)
    with pytest.raises(BadRoot) as caught:
        certificates(tmp_path / "root.pem")
    assert "$6$" not in str(caught.value)


def test_a_failing_program_is_told_with_its_last_words() -> None:
    with pytest.raises(StepFailed) as caught:
        run("sh", "-c", "echo why >&2; exit 3")
    assert caught.value.why == "why"


def test_a_program_that_does_not_end_is_given_up() -> None:
    with pytest.raises(TimedOut):
        run("sleep", "60", timeout_s=0.1)


def test_steps_run_in_order_and_the_first_failure_ends_them() -> None:
    seen: list[str] = []

    def fail() -> list[str]:
        raise StepFailed("no")

    steps = [Step("one", lambda: ["a"]), Step("two", list), Step("three", fail), Step("four", list)]
    with pytest.raises(StepFailed):
        run_steps(steps, lambda done: seen.append(f"{done.name} {done.state}"))
    assert seen == ["one changed", "two unchanged"]


def test_a_secret_is_kept_for_root_alone_and_setting_it_again_changes_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("HQ's secrets belong to root")
    assert set_secret("ntfy_token", " tk_1\n", tmp_path) is True
    assert (tmp_path / "ntfy_token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "ntfy_token").read_text() == "tk_1\n"
    assert set_secret("ntfy_token", "tk_1", tmp_path) is False


@pytest.mark.parametrize("value", ["", "\n", "two\nlines", "x" * 5000, "bell\a", "\udcff"])
def test_a_secret_that_is_no_line_is_refused_without_being_repeated(tmp_path: Path, value: str) -> None:
    with pytest.raises(BadSecret) as caught:
        set_secret("ntfy_token", value, tmp_path)
    assert "lines" not in str(caught.value)


def test_credentials_of_a_cloud_are_a_file_of_several_lines(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("HQ's secrets belong to root")
    text = "[default]\naws_access_key_id = AKIA\naws_secret_access_key = s\n"
    set_secret("aws", text, tmp_path, known=RUNNER)
    assert (tmp_path / "aws").read_text() == text


def test_credentials_of_a_cloud_with_an_escape_in_them_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSecret):
        set_secret("aws", "[default]\n\x1b[2J", tmp_path, known=RUNNER)


def test_a_secret_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownSecret):
        set_secret("../ssh_key", "x", tmp_path)


def test_the_watch_gets_the_secrets_of_its_channels_and_never_a_key_of_hq() -> None:
    named = ("chat_url", "ssh_key", "host_ca", "hub_wg_key", "chat_url")
    channels = tuple(Channel(name=f"c{n}", kind="apprise", credential=name) for n, name in enumerate(named))
    fleet = load(SOURCE).model_copy(update={"channel": channels})
    assert watch_secrets(fleet) == ("ntfy_token", "dead_man_url", "chat_url")


def test_the_watch_gets_a_databases_password_where_its_fleet_file_names_a_database() -> None:
    database = Store(database="postgresql://noc-watch@db.example/noc")
    fleet = load(SOURCE).model_copy(update={"store": database})
    assert "database_password" in watch_secrets(fleet)
    assert "database_password" not in watch_secrets(load(SOURCE))


def test_tokens_of_chats_and_the_models_key_are_known_before_the_fleet_file_is() -> None:
    assert {"telegram_token", "discord_token", "model_key", "agent_telegram_token"} <= set(outside_secrets(None))


def test_a_secret_that_is_removed_is_gone_and_removing_it_again_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "telegram_token").write_text("4242:x\n")
    told = [remove_secret("telegram_token", tmp_path, known=outside_secrets(None)) for _ in range(2)]
    assert (told, list(tmp_path.iterdir())) == ([True, False], [])


def test_no_key_of_hq_is_removed_as_a_secret(tmp_path: Path) -> None:
    (tmp_path / "ssh_key").write_text("a key\n")
    with pytest.raises(UnknownSecret):
        remove_secret("ssh_key", tmp_path, known=outside_secrets(None))
    assert (tmp_path / "ssh_key").exists()


def test_no_key_of_hq_can_be_set_as_a_secret_from_outside() -> None:
    assert OWN_KEYS.isdisjoint(outside_secrets(load(SOURCE)))


def test_trust_must_hold_a_signer_and_a_recipient(tmp_path: Path) -> None:
    with pytest.raises(NoTrust, match="signers is missing"):
        check_trust(tmp_path)
    (tmp_path / "signers").write_text("# nobody\n")
    (tmp_path / "recipients").write_text("age1abc\n")
    with pytest.raises(NoTrust, match="no public key"):
        check_trust(tmp_path)
    (tmp_path / "signers").write_text("operator ssh-ed25519 AAAA\n")
    check_trust(tmp_path)


def test_a_foreign_configuration_is_kept_aside_once(tmp_path: Path) -> None:
    path = tmp_path / "Caddyfile"
    path.write_text("theirs")
    if os.geteuid() == 0:
        assert keep_foreign(path) == [str(tmp_path / "Caddyfile.before-noc")]
        assert keep_foreign(path) == []
    path.write_text(f"{BANNER}\nours")
    assert keep_foreign(path) == []


def test_an_ssh_session_is_known_by_its_ancestors(tmp_path: Path) -> None:
    sshd, asks = tmp_path / "sshd", tmp_path / "asks.py"
    sshd.symlink_to(sys.executable)
    asks.write_text("import sys\nfrom noc.hub.doors import in_ssh_session\nsys.exit(in_ssh_session())\n")
    code = f"import subprocess, sys; sys.exit(subprocess.call([{sys.executable!r}, {str(asks)!r}]))"
    assert subprocess.call([sshd, "-c", code], timeout=30) == 1
    assert in_ssh_session() is False

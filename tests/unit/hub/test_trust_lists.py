"""Lists of trust as root changes them: nothing is left without a signer, or with one recipient only."""

from pathlib import Path

import pytest
from pyrage import x25519

from noc.errors import NocError
from noc.hosts.trust import fingerprint, generate_key
from noc.hub.trustlists import (
    add_recipient,
    add_signer,
    check_signed,
    read_public,
    withdraw_recipient,
    withdraw_signer,
)
from noc.release.store import ReleaseStore, read_release
from noc.runs.rotation.errors import NoSuchMember, NotAKey, NothingSigned, TooFew
from node_tree import make_release

OLD, NEW = generate_key("old"), generate_key("new")
ONE, TWO, THREE = (str(x25519.Identity.generate().to_public()) for _ in range(3))
SIGNERS = f'# who signs\noperator namespaces="noc-release" {" ".join(OLD.public.split()[:2])}\n'
RECIPIENTS = f"# operator\n{ONE}\n# recovery\n{TWO}\n"


def signed(store: ReleaseStore, work: Path, build: int, key: bytes, text: str) -> None:
    """Bring a release into a store, signed with a key that a list trusts."""
    work.mkdir()
    signer, trusted = work / "key", work / "signers"
    signer.write_bytes(key)
    signer.chmod(0o600)
    trusted.write_text(text)
    directory = make_release(work, build, "good", signer=signer)
    store.add(read_release(directory), trusted, directory)


def test_a_signer_is_added_for_releases_alone() -> None:
    text = add_signer(SIGNERS, NEW.public)
    assert text.startswith(SIGNERS)
    assert text.splitlines()[-1] == f'operator namespaces="noc-release" {" ".join(NEW.public.split()[:2])}'


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", f"{NEW.public}\n{OLD.public}", "age1xyz"])
def test_what_is_no_public_key_is_refused(line: str) -> None:
    with pytest.raises(NotAKey):
        add_signer(SIGNERS, line)


def test_a_private_half_is_refused() -> None:
    with pytest.raises(NotAKey):
        add_signer(SIGNERS, NEW.private.decode())


def test_a_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text("x" * 100_000)
    with pytest.raises(NotAKey):
        read_public(tmp_path / "key.pub")


def test_nobody_is_added_twice() -> None:
    with pytest.raises(NoSuchMember):
        add_signer(SIGNERS, OLD.public)
    with pytest.raises(NoSuchMember):
        add_recipient(RECIPIENTS, ONE)


def test_a_signer_is_withdrawn_by_fingerprint() -> None:
    both = add_signer(SIGNERS, NEW.public)
    left = withdraw_signer(both, fingerprint(OLD.public))
    assert NEW.public.split()[1] in left
    assert OLD.public.split()[1] not in left


def test_the_last_signer_stays() -> None:
    with pytest.raises(TooFew):
        withdraw_signer(SIGNERS, fingerprint(OLD.public))


def test_an_unknown_signer_is_told_with_those_that_there_are() -> None:
    with pytest.raises(NoSuchMember) as refused:
        withdraw_signer(SIGNERS, fingerprint(NEW.public))
    assert fingerprint(OLD.public) in str(refused.value)


def test_a_recipient_goes_with_its_comment_as_long_as_two_are_left() -> None:
    three = add_recipient(RECIPIENTS, THREE)
    assert withdraw_recipient(three, ONE) == f"# recovery\n{TWO}\n{THREE}\n"
    with pytest.raises(TooFew):
        withdraw_recipient(RECIPIENTS, ONE)


@pytest.mark.parametrize("text", ["age1", "AGE-SECRET-KEY-1QQ", ONE[:-1], ""])
def test_what_is_no_recipient_is_refused(text: str) -> None:
    with pytest.raises(NotAKey):
        add_recipient(RECIPIENTS, text)


def test_a_signer_goes_once_another_has_signed(tmp_path: Path) -> None:
    both, store = add_signer(SIGNERS, NEW.public), ReleaseStore(tmp_path / "store")
    left = withdraw_signer(both, fingerprint(OLD.public))
    signed(store, tmp_path / "first", 1, OLD.private, both)
    with pytest.raises(NothingSigned):
        check_signed(left, store)
    signed(store, tmp_path / "second", 2, NEW.private, both)
    assert [release.manifest.build for release in check_signed(left, store)] == [1]


def test_every_refusal_says_what_to_do() -> None:
    with pytest.raises(NocError) as refused:
        withdraw_recipient(RECIPIENTS, ONE)
    assert "--add" in refused.value.fix

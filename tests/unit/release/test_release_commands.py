"""`noc release` as an operator types it: build, sign, verify, add, list."""

import json
import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from noc.cli.release import app
from noc.release.errors import SigningFailed, WrongSigner
from unit.release.release_kit import Signer, make_signer


def noc(*args: object) -> Any:
    result = CliRunner().invoke(app, [*map(str, args), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    out = tmp_path / "release"
    assert noc("build", "--version", "1.2.3", "--build", 7, "--out", out)["version"] == "1.2.3"
    return out


def test_a_release_goes_from_the_checkout_into_the_store(built: Path, tmp_path: Path, signer: Signer) -> None:
    manifest = noc("sign", built, "--key", signer.key, "--days", 30)
    assert noc("verify", built, "--signers", signer.signers) == manifest
    added = noc("add", built, "--signers", signer.signers, "--store", tmp_path / "store")
    assert added == {"changed": True, **manifest}
    assert noc("list", "--store", tmp_path / "store") == [manifest]


def test_adding_again_says_that_nothing_changed(built: Path, tmp_path: Path, signer: Signer) -> None:
    noc("sign", built, "--key", signer.key)
    for changed in (True, False):
        added = noc("add", built, "--signers", signer.signers, "--store", tmp_path / "store")
        assert added["changed"] is changed


def test_the_signing_key_of_noc_init_is_used_where_none_is_named(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from noc.hub.identity import make_identities

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = make_identities(tmp_path / "config" / "noc")
    noc("sign", built)
    assert noc("verify", built, "--signers", made.trust / "signers")["version"] == "1.2.3"


def test_a_stranger_is_refused(built: Path, tmp_path: Path, signer: Signer) -> None:
    noc("sign", built, "--key", make_signer(tmp_path, "stranger").key)
    with pytest.raises(WrongSigner):
        noc("add", built, "--signers", signer.signers, "--store", tmp_path / "store")


@pytest.mark.skipif(not (Path(__file__).parents[3] / ".git").exists(), reason="this tree is no git checkout")
def test_the_build_number_rises_with_the_commits_where_none_is_given(tmp_path: Path) -> None:
    assert noc("build", "--out", tmp_path / "release")["build"] >= 1


def test_a_signature_that_fails_leaves_the_one_before_whole(built: Path, tmp_path: Path, signer: Signer) -> None:
    manifest = noc("sign", built, "--key", signer.key)
    with pytest.raises(SigningFailed):
        noc("sign", built, "--key", tmp_path / "no-such-key")
    assert noc("verify", built, "--signers", signer.signers) == manifest


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_root_adds_a_release_as_the_owner_of_the_store(built: Path, signer: Signer) -> None:
    """Root's hand in a directory of somebody else could be led anywhere by a link laid there."""
    noc("sign", built, "--key", signer.key)
    with tempfile.TemporaryDirectory() as directory:
        store, nobody = Path(directory, "store"), pwd.getpwnam("nobody")
        Path(directory).chmod(0o755)
        store.mkdir(mode=0o750)
        os.chown(store, nobody.pw_uid, nobody.pw_gid)
        signers = Path(shutil.copy(signer.signers, directory))
        added = noc("add", built, "--signers", signers, "--store", store)
        assert {path.stat().st_uid for path in store.rglob("*")} == {nobody.pw_uid}
        assert noc("list", "--store", store)[0]["sha256"] == added["sha256"]

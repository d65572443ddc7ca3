"""The stand-in for AWS in a lab: what a host takes of what it is handed, an account that changes, a policy."""

import json
from pathlib import Path
from typing import Any

import pytest

from noc.cloud.ec2.machine import HostKey, user_data
from noc.errors import NocError
from noc.hosts.trust import fingerprint, generate_key
from noc.lab import identity
from noc.lab.cloud.account import Settings
from noc.lab.cloud.front import Front
from noc.lab.cloud.policy import allows
from noc.lab.cloud.question import Question, read_question
from noc.lab.cloud.service import Ruled, write_settings
from noc.lab.fleet import CLOUD, SOURCE, lab_fleet


def test_a_host_shows_the_key_that_launching_drew() -> None:
    pair, enters = generate_key("node"), generate_key("hub").public
    files = identity.handed_files(user_data(HostKey(pair.private.decode(), pair.public)), enters)
    private, mode = files[identity.HOST_KEY]
    assert (private, mode) == (pair.private, 0o600)
    assert fingerprint(files[identity.HOST_KEY.with_suffix(".pub")][0].decode()) == fingerprint(pair.public)


def test_a_host_without_user_data_keeps_its_own_key_and_lets_the_key_pair_in() -> None:
    files = identity.handed_files("", "ssh-ed25519 AAAA hub")
    assert files == {identity.AUTHORIZED_KEYS: (b"ssh-ed25519 AAAA hub\n", 0o600)}


def test_half_of_a_host_key_is_none() -> None:
    assert identity.HOST_KEY not in identity.handed_files("SSH_HOST_ED25519_KEY:x\n", "k")


def test_an_account_is_what_its_file_says_at_each_request(tmp_path: Path) -> None:
    file, front = tmp_path / "cloud.json", Front()
    write_settings(file, Settings(vcpus=7))
    ruled = Ruled(front, file)
    _get(ruled)
    before = front.account.settings.vcpus
    write_settings(file, Settings(vcpus=9))
    _get(ruled)
    assert (before, front.account.settings.vcpus) == (7, 9)


def _get(application: Any) -> int:
    import io

    said: list[str] = []
    b"".join(application({"wsgi.input": io.BytesIO()}, lambda status, headers: said.append(status)))
    return int(said[0].split()[0])


def test_a_request_that_is_not_signed_is_refused(tmp_path: Path) -> None:
    assert _get(Front()) == 400


@pytest.mark.parametrize("header", ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=a/b/c", "Credential=,"])
def test_what_is_no_signature_is_refused(header: str) -> None:
    with pytest.raises(NocError):
        read_question({"HTTP_AUTHORIZATION": header}, "/", b"Action=DescribeInstances")


def test_a_rehearsal_at_the_cloud_keeps_regions_and_types() -> None:
    import tomllib

    document = tomllib.loads((SOURCE / "fleet.toml").read_text())
    made = lab_fleet(document, ["frankfurt"], {}, cloud=True)
    (node,) = made["nodes"]
    assert (node["provider"], node["region"], node["platform"]) == ("aws", "eu-central-1", "debian")
    assert made["launch"]["endpoint"] == CLOUD


ALLOW = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
LOOK = Question("ec2", "eu-central-1", "DescribeInstances", "AKIA", {"Action": "DescribeInstances"})


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([ALLOW], True),
        ([ALLOW, {"Effect": "Deny", "Action": "ec2:Describe*", "Resource": "*"}], False),
        ([{**ALLOW, "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}], False),
        ([{**ALLOW, "Condition": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]}}}], True),
        ([{**ALLOW, "Resource": "arn:aws:ec2:*:*:instance/*"}], False),
    ],
    ids=["nothing", "allowed", "denied", "another-region", "one-of-the-regions", "a-resource-that-has-none"],
)
def test_a_policy_allows_what_one_statement_allows_and_none_denies(
    statements: list[dict[str, Any]], allowed: bool
) -> None:
    assert allows({"Statement": statements}, LOOK, lambda _kind, _name: {}) is allowed


def test_a_condition_that_cannot_be_judged_is_never_passed_over() -> None:
    with pytest.raises(AssertionError):
        allows({"Statement": [{**ALLOW, "Condition": {"IpAddress": {}}}]}, LOOK, lambda _kind, _name: {})


def test_settings_come_back_from_their_file() -> None:
    settings = Settings(off=frozenset({"ap-east-1"}), failing={"RunInstances": "Unsupported"})
    assert Settings.model_validate(json.loads(settings.model_dump_json())) == settings

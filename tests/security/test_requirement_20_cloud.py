"""Requirement 20: every call to the cloud is one that the shipped policy allows, and what is made carries our tags."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cloud_kit import HUB, NOTHING, Cloud
from noc.cloud.ec2.door import let_in, shut_out
from noc.cloud.ec2.launch import launch, settle, terminate
from noc.cloud.ec2.machine import HostKey
from noc.cloud.ec2.policy import policy
from noc.cloud.errors import CloudRefused, NotPermittedThere
from noc.hosts.trust import generate_key
from noc.lab.cloud.account import CREDENTIALS


def actions(document: Mapping[str, Any]) -> set[str]:
    return {
        action
        for statement in document["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def asked(aws: Cloud) -> dict[str, str]:
    """The fields of the one RunInstances, as they came over the wire."""
    ((fields, _),) = aws.front.account.tokens.values()
    return dict(fields)


def test_the_whole_life_of_a_machine_stays_inside_the_policy(aws: Cloud) -> None:
    aws.settle(policy=policy(aws.fleet))
    aws.launch()
    settle(aws.owned())
    let_in(aws.owned(), "192.0.2.9")
    shut_out(aws.owned())
    terminate(aws.owned())
    assert aws.left() == NOTHING
    called = {call.replace("service-quotas:", "servicequotas:") for call in aws.front.account.calls}
    assert called
    assert called <= actions(policy(aws.fleet))


def test_the_policy_names_every_action_and_gives_no_power_over_identities(aws: Cloud) -> None:
    named = actions(policy(aws.fleet))
    assert not [action for action in named if "*" in action or action.startswith(("iam:", "sts:Assume"))]


def test_a_call_beyond_the_policy_is_refused(aws: Cloud) -> None:
    aws.settle(policy=policy(aws.fleet))
    with pytest.raises(NotPermittedThere):
        aws.owned().region.call("ec2", "CreateVpc", CidrBlock="10.0.0.0/16")


def test_a_machine_its_disk_and_its_interface_carry_our_tags_and_its_metadata_ask_for_a_session(aws: Cloud) -> None:
    aws.launch()
    fields = asked(aws)
    kinds = {fields[f"TagSpecification.{number}.ResourceType"]: number for number in (1, 2, 3)}
    for number in kinds.values():
        tags = {
            fields[f"TagSpecification.{number}.Tag.{each}.Key"]: fields[f"TagSpecification.{number}.Tag.{each}.Value"]
            for each in (1, 2, 3)
        }
        assert tags == {"noc:fleet": "clavitor", "noc:node": "frankfurt", "Name": "clavitor-frankfurt"}
    assert set(kinds) == {"instance", "volume", "network-interface"}
    assert (fields["MetadataOptions.HttpTokens"], fields["MetadataOptions.HttpPutResponseHopLimit"]) == (
        "required",
        "1",
    )
    for made in (*aws.owned().groups(), *aws.owned().addresses()):
        assert {"Key": "noc:fleet", "Value": "clavitor"} in made["Tags"]


def test_the_user_data_hold_a_host_key_that_the_first_session_replaces_and_nothing_of_ours(aws: Cloud) -> None:
    pair = generate_key("frankfurt")
    owned = aws.owned("frankfurt", HostKey(pair.private.decode(), pair.public))
    launch(owned, HUB, aws.fleet.launch, datetime.now(UTC))
    text = base64.b64decode(asked(aws)["UserData"]).decode()
    assert [line.partition(":")[0] for line in text.splitlines()] == [
        "SSH_HOST_ED25519_KEY",
        "SSH_HOST_ED25519_KEY_PUB",
    ]
    assert text.splitlines()[0].partition(":")[2].replace("|", "\n") == pair.private.decode().strip()
    assert not any(secret in text for secret in CREDENTIALS.split() if len(secret) > 8)


def test_what_would_cost_twice_is_made_once(aws: Cloud) -> None:
    """RunInstances has a client token; an address, whose call takes none, is found again by its tags."""
    aws.settle(failing={"AssociateAddress": "InternalError", "TerminateInstances": "InternalError"})
    with pytest.raises(CloudRefused):
        aws.launch()
    aws.settle(failing={})
    aws.launch()
    assert asked(aws)["ClientToken"].startswith("noc-frankfurt-")
    assert aws.front.account.calls["ec2:RunInstances"] == 1
    assert aws.left() == {"machines": 1, "groups": 1, "addresses": 1, "key pairs": 1}

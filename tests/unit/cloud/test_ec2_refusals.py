"""Each refusal of the original, provoked through the stand-in: said in our words with what mends it, nothing left.

docs/stand-ins.md names these tests beside the source of each refusal.
"""

from typing import Any

import pytest

from cloud_kit import NOTHING, Cloud, cloud
from noc.cloud.ec2.port import Account
from noc.cloud.ec2.regions import HOME, standings, switch_on
from noc.cloud.errors import (
    CloudRefused,
    CloudUnreachable,
    CredentialsExpired,
    NoCapacity,
    NoCloudCredentials,
    NoImage,
    NotPermittedThere,
    QuotaExhausted,
    RateLimited,
    RegionOff,
    TypeNotOffered,
)


@pytest.mark.parametrize(
    ("refusal", "node", "settings"),
    [
        (NoImage, "frankfurt", {"no_image": ["eu-central-1"]}),
        (QuotaExhausted, "frankfurt", {"vcpus": 1}),
        (QuotaExhausted, "frankfurt", {"addresses": 0}),
        (TypeNotOffered, "uae", {}),
        (TypeNotOffered, "frankfurt", {"failing": {"RunInstances": "Unsupported"}}),
        (NoCapacity, "frankfurt", {"failing": {"RunInstances": "InsufficientInstanceCapacity"}}),
        (CloudRefused, "frankfurt", {"failing": {"AssociateAddress": "InvalidAllocationID.NotFound"}}),
    ],
    ids=["no-image", "vcpu-quota", "address-quota", "type-not-offered", "unsupported", "capacity", "address-is-gone"],
)
def test_a_refused_launch_leaves_nothing(refusal: type[CloudRefused], node: str, settings: dict[str, Any]) -> None:
    with cloud(**settings) as aws:
        with pytest.raises(refusal) as refused:
            aws.launch(node)
        aws.settle(failing={})
        assert (type(refused.value), aws.left(node)) == (refusal, NOTHING)


@pytest.mark.parametrize("says", ["AuthFailure", "OptInRequired"])
def test_a_region_that_is_off_is_never_asked(aws: Cloud, says: str) -> None:
    aws.settle(off=["ap-east-1"], off_says=says)
    with pytest.raises(RegionOff, match="--enable-regions"):
        aws.launch("hongkong")


@pytest.mark.parametrize(("says", "meant"), [("AuthFailure", CredentialsExpired), ("OptInRequired", RegionOff)])
def test_a_region_that_is_off_refuses_everything(aws: Cloud, says: str, meant: type[CloudRefused]) -> None:
    aws.settle(off=["ap-east-1"], off_says=says)
    with pytest.raises(meant, match=says):
        aws.owned("hongkong").instance()


def test_credentials_that_have_expired_are_told_as_such(aws: Cloud) -> None:
    aws.settle(expired=True)
    with pytest.raises(CredentialsExpired):
        aws.launch()


def test_expired_credentials_are_told_by_every_service(aws: Cloud) -> None:
    aws.settle(expired=True)
    home = aws.account.region(HOME)
    for service, operation in (("sts", "GetCallerIdentity"), ("account", "ListRegions")):
        with pytest.raises(CredentialsExpired, match="noc hub secret set aws"):
            home.call(service, operation)


def test_a_credentials_file_without_a_key_is_told_before_anything_is_asked(aws: Cloud) -> None:
    with pytest.raises(NoCloudCredentials):
        Account("[default]\n", aws.account.endpoint).region(HOME).call("sts", "GetCallerIdentity")
    assert not aws.front.account.calls


def test_a_cloud_that_refuses_some_calls_as_too_many_is_asked_again(aws: Cloud) -> None:
    aws.settle(throttled=2)
    aws.launch()
    assert aws.front.account.refused == 2


def test_a_cloud_that_refuses_every_call_as_too_many_is_left_alone(aws: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.cloud.ec2.port.TRIES", 1)
    aws.settle(throttled=1000)
    with pytest.raises(RateLimited):
        aws.launch()


def test_what_the_policy_does_not_allow_is_refused(aws: Cloud) -> None:
    look = {"Effect": "Allow", "Action": ["ec2:Describe*", "account:*"], "Resource": "*"}
    aws.settle(policy={"Version": "2012-10-17", "Statement": [look]})
    with pytest.raises(NotPermittedThere, match="noc preflight --policy"):
        aws.launch()


def test_regions_are_asked_for_and_waited_for(aws: Cloud) -> None:
    aws.settle(off=["ap-east-1", "eu-south-2"])
    switch_on(aws.account, ["ap-east-1", "eu-south-2"], aws.told.append, within_s=20)
    assert {standings(aws.account)[name] for name in ("ap-east-1", "eu-south-2")} == {"ENABLED"}


def test_regions_beyond_those_at_a_time_are_asked_for_later(aws: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noc.cloud.ec2.port.TRIES", 1)
    aws.settle(off=["ap-east-1", "eu-south-2"], enabled_at_once=1)
    switch_on(aws.account, ["ap-east-1", "eu-south-2"], aws.told.append, within_s=20)
    assert aws.told[:2] == ["ap-east-1 is asked for", "ap-east-1 is switched on"]


def test_a_region_that_takes_longer_goes_on_by_itself(aws: Cloud) -> None:
    aws.settle(off=["ap-east-1"], enabling=1000)
    with pytest.raises(CloudUnreachable, match="ap-east-1"):
        switch_on(aws.account, ["ap-east-1"], aws.told.append, within_s=0.1)


def test_a_region_that_cannot_be_switched_is_refused(aws: Cloud) -> None:
    with pytest.raises(CloudRefused, match="ValidationException"):
        aws.account.region(HOME).call("account", "EnableRegion", RegionName="eu-central-1")

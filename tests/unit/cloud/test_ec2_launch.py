"""Launching by the real client against the stand-in: what is made, that it is made once, and given back whole."""

import pytest

from cloud_kit import HUB, NOTHING, Cloud
from noc.cloud.ec2.door import let_in, shut_out
from noc.cloud.ec2.launch import settle, terminate
from noc.cloud.ec2.port import named
from noc.cloud.errors import CloudRefused


def test_a_machine_is_made_with_its_address(aws: Cloud) -> None:
    made = aws.launch()
    (address,) = aws.owned().addresses()
    assert (address["PublicIp"], address["InstanceId"]) == (str(made.address), made.instance)


def test_launching_again_makes_nothing_more(aws: Cloud) -> None:
    first = aws.launch()
    assert aws.launch() == first
    assert aws.front.account.calls["ec2:RunInstances"] == 1


def test_what_was_made_before_a_cut_is_found_again(aws: Cloud) -> None:
    aws.settle(failing={"AllocateAddress": "InternalError", "TerminateInstances": "InternalError"})
    with pytest.raises(CloudRefused):
        aws.launch()
    before = aws.owned().instance()
    aws.settle(failing={})
    assert before is not None
    assert aws.launch().instance == before["InstanceId"]


def test_the_metadata_ask_for_a_session_within_one_hop(aws: Cloud) -> None:
    aws.launch()
    instance = aws.owned().instance()
    assert instance is not None
    options = instance["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)


def test_the_disk_is_encrypted_and_of_the_kind_that_is_paid_for(aws: Cloud) -> None:
    made = aws.launch()
    wanted = named({"attachment.instance-id": [made.instance]})
    (volume,) = aws.owned().region.call("ec2", "DescribeVolumes", Filters=wanted)["Volumes"]
    assert (volume["Encrypted"], volume["VolumeType"], volume["Size"]) == (True, "gp3", 8)


def test_a_new_machine_has_credit_without_limit_and_a_settled_one_has_what_it_costs(aws: Cloud) -> None:
    made, region = aws.launch(), aws.owned().region
    ask = {"InstanceIds": [made.instance]}
    before = region.call("ec2", "DescribeInstanceCreditSpecifications", **ask)["InstanceCreditSpecifications"]
    settle(aws.owned())
    after = region.call("ec2", "DescribeInstanceCreditSpecifications", **ask)["InstanceCreditSpecifications"]
    assert [before[0]["CpuCredits"], after[0]["CpuCredits"]] == ["unlimited", "standard"]


def _open_to(aws: Cloud) -> dict[int, list[str]]:
    (group,) = aws.owned().groups()
    return {rule["FromPort"]: [each["CidrIp"] for each in rule["IpRanges"]] for rule in group["IpPermissions"]}


def test_22_is_open_to_hq_alone(aws: Cloud) -> None:
    aws.launch()
    assert _open_to(aws) == {22: [f"{HUB.address}/32"], 80: ["0.0.0.0/0"], 443: ["0.0.0.0/0"]}


def test_22_is_closed_once_it_is_settled(aws: Cloud) -> None:
    aws.launch()
    settle(aws.owned())
    assert set(_open_to(aws)) == {80, 443}


def test_letting_in_another_hq_shuts_out_the_one_before(aws: Cloud) -> None:
    aws.launch()
    let_in(aws.owned(), "192.0.2.9")
    assert _open_to(aws)[22] == ["192.0.2.9/32"]


def test_shutting_out_twice_is_one_thing(aws: Cloud) -> None:
    aws.launch()
    shut_out(aws.owned())
    shut_out(aws.owned())
    assert aws.front.account.calls["ec2:RevokeSecurityGroupIngress"] == 1


def test_a_protected_machine_is_terminated_with_all_that_was_made_for_it(aws: Cloud) -> None:
    aws.launch()
    terminate(aws.owned())
    assert aws.left() == NOTHING


def test_terminating_nothing_changes_nothing(aws: Cloud) -> None:
    terminate(aws.owned())
    assert aws.told == []


def test_the_next_machine_of_a_node_is_another_one(aws: Cloud) -> None:
    first = aws.launch()
    terminate(aws.owned())
    assert aws.launch().instance != first.instance


def test_a_call_that_is_repeated_with_its_token_makes_no_second_machine(aws: Cloud) -> None:
    made = aws.launch()
    (token,) = aws.front.account.tokens
    asked, _ = aws.front.account.tokens[token]
    region = aws.owned().region
    again = region.client("ec2")._make_api_call  # the very arguments, as a retry of the client sends them
    answer = again("RunInstances", _arguments(asked))
    assert answer["Instances"][0]["InstanceId"] == made.instance


def test_a_token_that_comes_with_another_request_is_refused(aws: Cloud) -> None:
    aws.launch()
    (token,) = aws.front.account.tokens
    asked, _ = aws.front.account.tokens[token]
    with pytest.raises(CloudRefused, match="IdempotentParameterMismatch"):
        aws.owned().region.call("ec2", "RunInstances", **{**_arguments(asked), "InstanceType": "t4g.micro"})


def _arguments(asked: dict[str, str]) -> dict[str, object]:
    """What is needed of a request to ask it again: the stand-in compares all of its fields."""
    from noc.cloud.ec2.machine import Machine, Place, run_instances

    place = Place(
        asked["ImageId"], "/dev/xvda", asked["NetworkInterface.1.SecurityGroupId.1"],
        asked["NetworkInterface.1.SubnetId"], asked["KeyName"],
    )  # fmt: skip
    import base64

    user_data = base64.b64decode(asked["UserData"]).decode()
    return run_instances(Machine("frankfurt", "clavitor", "eu-central-1", "t4g.nano", 8, user_data), place)


def test_two_machines_with_the_tags_of_one_node_are_not_chosen_between(aws: Cloud) -> None:
    aws.launch()
    (token,) = aws.front.account.tokens
    asked, _ = aws.front.account.tokens[token]
    aws.owned().region.call("ec2", "RunInstances", **{**_arguments(asked), "ClientToken": "another"})
    with pytest.raises(CloudRefused, match="2 machines carry the tags"):
        aws.launch()

"""The least-privilege policy: everything that is done stays inside it, and what others own lies outside."""

from pathlib import Path

import pytest

from cloud_kit import NOTHING, Cloud
from noc.cloud.ec2.launch import settle, terminate
from noc.cloud.ec2.policy import policy
from noc.cloud.errors import NotPermittedThere


@pytest.fixture
def held(aws: Cloud) -> Cloud:
    """An account whose credentials may do what the policy says."""
    aws.settle(policy=policy(aws.fleet))
    return aws


def test_a_whole_life_stays_inside_the_policy(held: Cloud) -> None:
    held.launch()
    held.launch()
    settle(held.owned())
    terminate(held.owned())
    assert held.left() == NOTHING


def _foreign(aws: Cloud, tmp_path: Path) -> Cloud:
    """Another fleet in the same account."""
    text = (Path(__file__).parents[3] / "fleet" / "fleet.toml").read_text()
    (tmp_path / "fleet.toml").write_text(text.replace('name = "clavitor"', 'name = "other"', 1))
    from noc.fleet.load import load

    other = Cloud(aws.front, aws.account, load(tmp_path))
    other.launch()
    return other


def test_a_machine_of_another_fleet_cannot_be_terminated(aws: Cloud, tmp_path: Path) -> None:
    other = _foreign(aws, tmp_path)
    aws.settle(policy=policy(aws.fleet))
    with pytest.raises(NotPermittedThere):
        terminate(other.owned())
    assert other.owned().instance() is not None


def test_a_machine_without_the_fleets_tag_cannot_be_made(held: Cloud, tmp_path: Path) -> None:
    with pytest.raises(NotPermittedThere):
        _foreign(held, tmp_path)


def test_an_image_of_somebody_else_cannot_be_started(aws: Cloud) -> None:
    document = policy(
        aws.fleet.model_copy(update={"launch": aws.fleet.launch.model_copy(update={"image_owner": "1" * 12})})
    )
    aws.settle(policy=document)
    with pytest.raises(NotPermittedThere):
        aws.launch()


def test_no_action_is_a_pattern(aws: Cloud) -> None:
    actions = [each for statement in policy(aws.fleet)["Statement"] for each in statement["Action"]]
    assert not [action for action in actions if "*" in action]

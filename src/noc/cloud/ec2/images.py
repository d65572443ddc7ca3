"""The image that a node starts from: looked for at each launch, because its publisher removes old ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from noc.cloud.ec2.port import Region, named
from noc.cloud.errors import NoImage
from noc.fleet.launching import Launch


@dataclass(frozen=True)
class Image:
    """One image: its id and name, when it was made (UTC), and what it calls its root device."""

    id: str
    name: str
    created: datetime
    root_device: str


def find_image(region: Region, launch: Launch, now: datetime) -> Image:
    """The newest arm64 image by owner and name. Raises NoImage where there is none that is young enough."""
    wanted = {"name": [launch.image_name], "architecture": ["arm64"], "state": ["available"]}
    found = region.call("ec2", "DescribeImages", Owners=[launch.image_owner], Filters=named(wanted))
    return newest(found["Images"], launch, now, region.name)


def newest(images: Iterable[Mapping[str, Any]], launch: Launch, now: datetime, region: str) -> Image:
    """The newest of some images, as the API describes them. Raises NoImage."""
    known = sorted((_image(each) for each in images), key=lambda image: image.created, reverse=True)
    if not known:
        raise NoImage(
            f"{region} has no image {launch.image_name} for arm64",
            why=f"none of owner {launch.image_owner} is there",
            fix="choose another region for the node, or another image_name in [launch]",
        )
    age = now - known[0].created
    if age > timedelta(days=launch.image_max_age_days):
        raise NoImage(
            f"the newest image of {region} is {age.days} days old",
            why=f"{known[0].name}; its publisher removes images, and this one is about to go",
            fix="choose another image_name in [launch], or raise image_max_age_days knowingly",
        )
    return known[0]


def _image(each: Mapping[str, Any]) -> Image:
    created = datetime.fromisoformat(each["CreationDate"])
    return Image(each["ImageId"], each["Name"], created, each.get("RootDeviceName") or "/dev/xvda")

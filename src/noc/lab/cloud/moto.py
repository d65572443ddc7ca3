"""moto's backends as the stand-in uses them: one application, and a look at what it holds."""

import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any, Final

from noc.lab.cloud.account import IMAGE, OWNER
from noc.lab.cloud.answer import Answer
from noc.lab.errors import LabNeeds

ACCOUNT: Final = "123456789012"
_AMI: Final = {
    "ami_id": "ami-0123456789abcdef0",
    "name": IMAGE,
    "owner_id": OWNER,
    "architecture": "arm64",
    "public": True,
    "virtualization_type": "hvm",
    "state": "available",
    "image_type": "machine",
    "hypervisor": "xen",
    "root_device_name": "/dev/xvda",
    "root_device_type": "ebs",
    "sriov": "simple",
    "description": "",
    "platform": None,
}


class Moto:
    """All of moto behind one WSGI application, empty at first. There is one in a process: its state is the module's."""

    def __init__(self) -> None:
        """Load it.

        Raises:
            LabNeeds: it is not installed; it is among the development dependencies alone.
        """
        # Without a date: a second region's backend cannot read one that the first has read already.
        with tempfile.NamedTemporaryFile("w", prefix="noc-images-", suffix=".json") as file:
            json.dump([_AMI], file)
            file.flush()
            os.environ["MOTO_AMIS_PATH"] = file.name
            try:
                from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS  # noqa: PLC0415 - the lab alone
                from moto.moto_api._internal.models import moto_api_backend  # noqa: PLC0415
                from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
                    DomainDispatcherApplication,
                    create_backend_app,
                )
            except ImportError as error:
                fix = 'pip install "moto[ec2,server]"'
                raise LabNeeds("the stand-in for AWS needs moto", why=str(error), fix=fix) from None
        moto_api_backend.reset()
        for region in ("mx-central-1", "me-central-1"):
            _offer(INSTANCE_TYPE_OFFERINGS, region)
        self._application = DomainDispatcherApplication(create_backend_app)

    def ask(self, environ: Mapping[str, Any], body: bytes) -> Answer:
        """Let moto answer a request."""
        said: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            said["status"] = int(status.split(maxsplit=1)[0])
            said["kind"] = next((value for name, value in headers if name.lower() == "content-type"), "text/xml")

        inner = {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        content = b"".join(self._application(inner, start))
        return Answer(said["status"], said["kind"], content)

    def running(self, region: str) -> Iterable[str]:
        """The types of a region's machines that count against its quota."""
        found = _backend(region).all_instances()
        return [each.instance_type for each in found if each.state in ("pending", "running")]

    def addresses(self, region: str) -> int:
        """How many elastic addresses a region holds."""
        return len(_backend(region).addresses)

    def tags_of(self, region: str, kind: str, name: str) -> Mapping[str, str]:
        """The tags of a thing; of kind `owner`, who owns an image."""
        backend = _backend(region)
        if kind == "owner":
            return {"owner": str(backend.amis[name].owner_id)} if name in backend.amis else {}
        if kind == "key-pair":
            name = backend.key_pairs[name].id if name in backend.key_pairs else name
        return {row["key"]: row["value"] for row in backend.describe_tags(filters={"resource-id": [name]})}

    def public_key(self, region: str, name: str) -> str:
        """The public key of a key pair, one OpenSSH line."""
        material = _backend(region).key_pairs[name].material_public
        return (material.decode() if isinstance(material, bytes) else str(material)).strip()


def _backend(region: str) -> Any:  # noqa: ANN401 - moto has no types
    from moto.ec2.models import ec2_backends  # noqa: PLC0415

    return ec2_backends[ACCOUNT][region]


def _offer(offerings: dict[str, dict[str, list[dict[str, str]]]], region: str) -> None:
    """Regions that moto's own table does not know; which of them offers nothing is the account's to say."""
    zones = [f"{region}{letter}" for letter in "abc"]
    for kind, places in (("region", [region]), ("availability-zone", zones)):
        rows = [{"InstanceType": "t4g.nano", "LocationType": kind, "Location": place} for place in places]
        offerings[kind].setdefault(region, rows)

"""A request to the stand-in, read as AWS's own front reads it: whose it is, which service, which operation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from noc.lab.errors import RequestRefused

MOST_BYTES: Final = 1 << 20
SIGNED_AS: Final = {"servicequotas": "service-quotas"}
"""What a service is called in a signature, where boto3 calls it otherwise."""


@dataclass(frozen=True)
class Question:
    """One call of the API.

    Attributes:
        service, region, operation: `ec2`, `eu-central-1`, `RunInstances`.
        key: id of the access key that signed it.
        fields: of a query (`Filter.1.Name`), or of a JSON document.
    """

    service: str
    region: str
    operation: str
    key: str
    fields: Mapping[str, Any]

    @property
    def call(self) -> str:
        """`ec2:RunInstances`."""
        return f"{self.service}:{self.operation}"

    def values(self, name: str) -> list[str]:
        """The numbered fields of a query: `InstanceId.1`, `InstanceId.2`."""
        return [str(value) for field, value in self.fields.items() if field.rpartition(".")[0] == name]

    def tags(self, kind: str) -> dict[str, str]:
        """The tags that are asked for on what is to be made, by the kind of resource."""
        found: dict[str, str] = {}
        for field, value in self.fields.items():
            head, _, tail = field.partition(".ResourceType")
            if field.startswith("TagSpecification.") and not tail and head != field and value == kind:
                number = 1
                while (name := f"{head}.Tag.{number}.Key") in self.fields:
                    found[str(self.fields[name])] = str(self.fields.get(f"{head}.Tag.{number}.Value", ""))
                    number += 1
        return found


def read_question(headers: Mapping[str, str], path: str, body: bytes) -> Question:
    """Read a request.

    Args:
        headers: as WSGI names them: `HTTP_AUTHORIZATION`, `HTTP_X_AMZ_TARGET`.
        path: of its URL; the operation, for an API in the REST style.
        body: a query or a JSON document.

    Raises:
        RequestRefused: it is not signed as AWS's clients sign (Signature Version 4).
    """
    try:
        scope = headers["HTTP_AUTHORIZATION"].split("Credential=", 1)[1].split(",", 1)[0]
        key, _day, region, signed_as, _end = scope.split("/")
    except (KeyError, IndexError, ValueError):
        raise RequestRefused("the request is not signed as AWS's clients sign") from None
    service = SIGNED_AS.get(signed_as, signed_as)
    text = body.decode("utf-8")
    if text.lstrip().startswith("{") or path.strip("/"):
        fields: dict[str, Any] = json.loads(text or "{}")
        target = headers.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        rest = path.strip("/")
        return Question(service, region, target or rest[:1].upper() + rest[1:], key, fields)
    query = dict(parse_qsl(text, keep_blank_values=True))
    return Question(service, region, query.get("Action", ""), key, query)

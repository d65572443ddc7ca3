"""One region of EC2 by boto3: each call by its name, bounded in time, refused in our own words, and written down.

The calls that are made are the least-privilege policy's (`noc.cloud.ec2.policy`); a test holds the two together.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from noc.cloud.ec2.refusals import refusal
from noc.cloud.errors import CloudUnreachable, NoCloudCredentials

CONNECT_S: Final = 5
READ_S: Final = 30
TRIES: Final = 5

Note = Callable[[str], None]


@dataclass(frozen=True)
class Account:
    """Whose cloud it is.

    Attributes:
        credentials: text of AWS's shared credentials file, profile `default`.
        endpoint: another address than AWS's own; None for that.
        trusted: PEM file of the only authorities that are trusted; the usual ones where None.
        note: is told each call as `service:Operation`, for the audit and for tests.
    """

    credentials: str = field(repr=False)
    endpoint: str | None = None
    trusted: str | None = None
    note: Note = field(default=lambda _call: None, repr=False)

    def region(self, name: str) -> "Region":
        """One region."""
        return Region(self, name)


class Region:
    """One region. Every method may raise the errors of `noc.cloud.errors`."""

    def __init__(self, account: Account, name: str) -> None:
        """Use `Account.region`."""
        self.account, self.name = account, name

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 - boto3 makes its types as it goes
        import boto3  # noqa: PLC0415 - it is large
        import botocore.session  # noqa: PLC0415

        with tempfile.NamedTemporaryFile("w", prefix="noc-aws-") as file:
            file.write(self.account.credentials)
            file.flush()
            core = botocore.session.Session()
            core.set_config_variable("credentials_file", file.name)
            core.set_config_variable("config_file", "/dev/null")
            core.set_config_variable("metadata_service_num_attempts", 0)
            core.register_component("data_loader", _descriptions())
            found = core.get_credentials()
            if found is None:
                raise NoCloudCredentials(
                    "HQ's credentials for AWS hold no key",
                    why="there is no profile [default] with aws_access_key_id and aws_secret_access_key",
                    fix="noc hub secret set aws",
                )
        return boto3.session.Session(botocore_session=core, region_name=self.name)

    def client(self, service: str) -> Any:  # noqa: ANN401
        """A client for one service; `call` is the way to use it."""
        from botocore.config import Config  # noqa: PLC0415

        config = Config(
            connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"mode": "standard", "total_max_attempts": TRIES}
        )
        return self._session.client(
            service, config=config, endpoint_url=self.account.endpoint, verify=self.account.trusted
        )

    def call(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Make one call.

        Args:
            service: as boto3 names it: ec2, account, service-quotas, sts, pricing.
            operation: as the API names it, DescribeInstances.
            arguments: its own.

        Raises:
            CloudRefused and those below it.
        """
        with self._translated(f"{operation} in {self.name}"):
            client = self._clients(service)
            self.account.note(f"{service}:{operation}")
            answer: dict[str, Any] = getattr(client, _method(operation))(**arguments)
            return answer

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Every item of an answer that comes in pages."""
        with self._translated(f"{operation} in {self.name}"):
            self.account.note(f"{service}:{operation}")
            paginator = self._clients(service).get_paginator(_method(operation))
            found: list[dict[str, Any]] = [
                each for page in paginator.paginate(**arguments) for each in page.get(key, [])
            ]
            return found

    def _clients(self, service: str) -> Any:  # noqa: ANN401
        if service not in self._made:
            self._made[service] = self.client(service)
        return self._made[service]

    @cached_property
    def _made(self) -> dict[str, Any]:
        return {}

    @contextlib.contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError  # noqa: PLC0415
        from botocore.parsers import ResponseParserError  # noqa: PLC0415

        try:
            yield
        except ClientError as error:
            said = error.response.get("Error", {})
            raise refusal(str(said.get("Code", "")), str(said.get("Message", "")), f"AWS refused {what}") from None
        except NoCredentialsError:
            raise NoCloudCredentials("HQ has no credentials for AWS", fix="noc hub secret set aws") from None
        except (BotoCoreError, ResponseParserError) as error:
            why = f"{type(error).__name__}: {error}"[:300]
            raise CloudUnreachable(f"AWS did not answer {what}", why=why, fix="look at HQ's way out") from None


@cache
def _descriptions() -> Any:  # noqa: ANN401
    """The APIs' descriptions, read once for all regions: a megabyte of JSON for EC2 alone."""
    from botocore.loaders import Loader  # noqa: PLC0415

    return Loader()


def named(filters: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Filters as the API takes them."""
    return [{"Name": name, "Values": list(values)} for name, values in filters.items()]


def read_credentials(path: Path) -> str:
    """The text of a credentials file. Raises NoCloudCredentials where there is none."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise NoCloudCredentials(
            "HQ has no credentials for AWS", why=error.strerror or "", fix="noc hub secret set aws"
        ) from None


def _method(operation: str) -> str:
    """`DescribeInstances` → `describe_instances`, as boto3 names its methods."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in operation).lstrip("_")

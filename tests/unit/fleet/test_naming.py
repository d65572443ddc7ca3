"""`[dns]`: what a provider needs to be told, and takes."""

import pytest
from pydantic import ValidationError

from noc.fleet.model import Acme
from noc.fleet.naming import Dns


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        ({"provider": "cloudflare", "ttl": 59}, "60 seconds at least"),
        ({"provider": "rfc2136"}, "name the zone's name server"),
    ],
)
def test_what_does_not_fit_a_provider_is_named(table: dict[str, object], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        Dns.model_validate(table)


def test_a_name_server_of_its_own_may_have_shorter_times() -> None:
    assert Dns.model_validate({"provider": "rfc2136", "server": "192.0.2.53:53", "ttl": 5}).ttl == 5


def test_a_switch_takes_the_authority_for_rehearsals() -> None:
    assert "staging" not in Acme().authority
    assert Acme(staging=True).authority == "https://acme-staging-v02.api.letsencrypt.org/directory"

"""The environment is read strictly, and the secret in it is never repeated."""

from pathlib import Path

import pytest

from clavitor.errors import ServiceError
from clavitor.settings import from_environment

DB = {"CLAVITOR_DB": "/var/lib/clavitor/clavitor.db"}
SECRET_URL = "http://10.84.0.1:8084/api/push/s3cr3t-token"


def test_defaults_need_the_database_alone() -> None:
    settings = from_environment(DB)
    assert (settings.database, settings.listen, settings.push_url, settings.push_interval) == (
        Path("/var/lib/clavitor/clavitor.db"),
        ("127.0.0.1", 8080),
        None,
        30.0,
    )


def test_a_missing_database_is_named_with_its_remedy() -> None:
    with pytest.raises(ServiceError, match="CLAVITOR_DB is not set"):
        from_environment({})


def test_the_query_that_a_monitor_shows_with_its_url_is_dropped() -> None:
    url = from_environment({**DB, "KUMA_PUSH_URL": f"{SECRET_URL}?status=up&msg=OK&ping="}).push_url
    assert url is not None
    assert url.geturl() == SECRET_URL


def test_the_push_url_stays_out_of_representations() -> None:
    assert "s3cr3t" not in repr(from_environment({**DB, "KUMA_PUSH_URL": SECRET_URL}))


@pytest.mark.parametrize(
    "url", ["ftp://h/s3cr3t", "s3cr3t", "http:///s3cr3t", "http://h:99999/s3cr3t", "http://h/s3cr3t x"]
)
def test_a_bad_push_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        from_environment({**DB, "KUMA_PUSH_URL": url})
    assert "s3cr3t" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLAVITOR_LISTEN", "8080"),
        ("CLAVITOR_LISTEN", "localhost:http"),
        ("CLAVITOR_LISTEN", "localhost:70000"),
        ("CLAVITOR_PUSH_INTERVAL", "0"),
        ("CLAVITOR_PUSH_INTERVAL", "nan"),
        ("CLAVITOR_PUSH_INTERVAL", "soon"),
        ("CLAVITOR_SOURCE", "virginia"),
    ],
)
def test_a_malformed_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ServiceError, match=name):
        from_environment({**DB, name: value})


def test_an_ipv6_address_is_taken_in_brackets() -> None:
    assert from_environment({**DB, "CLAVITOR_LISTEN": "[::1]:8080"}).listen == ("::1", 8080)

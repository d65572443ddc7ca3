"""Tenant ids: what they are made of, and that the service and HQ spell a handle alike."""

import hashlib
import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clavitor.errors import HttpError
from clavitor.fields import account_name
from noc.placement.errors import BadHandle, BadTenantKey
from noc.placement.handles import is_tenant_id, normalised, read_key, tenant_id

KEY = bytes(range(32))
handles = st.from_regex(r"[a-z0-9][a-z0-9._@+-]{2,63}", fullmatch=True)


def test_an_id_is_the_first_half_of_an_hmac_over_purpose_and_handle() -> None:
    said = hmac.new(KEY, b"noc-tenant\0alice@example.com", hashlib.sha256).hexdigest()
    assert tenant_id(KEY, "alice@example.com") == said[:32]


@given(handles)
def test_whoever_writes_a_handle_in_capitals_is_the_same_tenant(handle: str) -> None:
    assert tenant_id(KEY, handle.upper()) == tenant_id(KEY, handle)


@given(handles, st.binary(min_size=32, max_size=32))
def test_every_id_is_spelt_as_one(handle: str, key: bytes) -> None:
    assert is_tenant_id(tenant_id(key, handle))


@given(handles)
def test_another_key_knows_nobody(handle: str) -> None:
    assert tenant_id(KEY, handle) != tenant_id(bytes(32), handle)


@given(st.text(max_size=70) | handles | handles.map(str.upper))
@example("\u212aelvin")  # the Kelvin sign becomes a k in lower case
@example("alice\n")
@example("İstanbul")
@example("straße")
def test_hq_and_the_service_take_the_same_handles_and_spell_them_alike(handle: str) -> None:
    try:
        served = account_name({"name": handle})
    except HttpError:
        with pytest.raises(BadHandle):
            normalised(handle)
    else:
        assert normalised(handle) == served


def test_a_handle_that_is_none_is_not_repeated() -> None:
    with pytest.raises(BadHandle) as caught:
        tenant_id(KEY, "Hunter2 with spaces")
    assert "Hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "0" * 32 + "\n", "../../etc/passwd"])
def test_what_is_spelt_otherwise_is_no_id(text: str) -> None:
    assert not is_tenant_id(text)


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_key_is_read_with_its_newline_or_without(end: str) -> None:
    assert read_key(KEY.hex() + end) == KEY


@pytest.mark.parametrize(
    "text", ["", "00" * 31, "00" * 33, "zz" * 32, "AA" * 32, "00" * 32 + "\n\n", " " + "00" * 32, "0 " * 32]
)
def test_a_key_that_is_none_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadTenantKey) as caught:
        read_key(text)
    assert text == "" or text not in str(caught.value)

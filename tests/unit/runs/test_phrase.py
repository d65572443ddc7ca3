import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.runs.plan.phrase import digits, phrase

digests = st.binary(max_size=40).map(lambda data: hashlib.sha256(data).hexdigest())


def test_a_phrase_is_the_first_44_bits_in_four_words() -> None:
    assert phrase("0" * 64) == "abandon abandon abandon abandon"
    assert phrase("f" * 64) == "zoo zoo zoo zoo"
    assert phrase("00000000001" + "f" * 53) == "abandon abandon abandon ability"


@given(digests)
def test_a_phrase_leads_back_to_its_digest(digest: str) -> None:
    words = phrase(digest).split()
    assert len(words) == 4
    assert digits(words) == digest[:11]
    assert digits([word.upper() for word in words]) == digest[:11]


@given(digests, digests)
def test_digests_that_differ_in_the_first_44_bits_differ_in_words(one: str, other: str) -> None:
    assert (phrase(one) == phrase(other)) == (one[:11] == other[:11])


@given(st.lists(st.text(max_size=8), max_size=5))
def test_words_that_are_no_phrase_lead_nowhere(words: list[str]) -> None:
    found = digits(words)
    assert found is None or phrase(found).split() == [word.lower() for word in words]


@pytest.mark.parametrize("digest", ["", "abc", "x" * 64])
def test_what_is_no_digest_has_no_phrase(digest: str) -> None:
    with pytest.raises(ValueError, match=r"hex|base 16"):
        phrase(digest)

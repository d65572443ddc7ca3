"""A digest in four words, which people can read to each other and compare; they are its first 44 bits.

The words are BIP 39's English list (https://github.com/bitcoin/bips/blob/master/bip-0039/english.txt): 2,048 words,
so 11 bits each, of which no two begin with the same four letters. A phrase is for eyes and ears: what an approval binds
to is the whole digest.
"""

from collections.abc import Sequence
from functools import cache

WORDS = 4
_BITS = 11
_DIGITS = WORDS * _BITS // 4


def phrase(digest: str) -> str:
    """Four words for a digest.

    Args:
        digest: in hex, of at least 44 bits.

    Raises:
        ValueError: it is shorter, or no hex.
    """
    if len(digest) < _DIGITS:
        raise ValueError(f"a phrase is made from {_DIGITS} hex digits at least")
    bits = int(digest[:_DIGITS], 16)
    return " ".join(_words()[bits >> shift & (1 << _BITS) - 1] for shift in range(_BITS * (WORDS - 1), -1, -_BITS))


def digits(words: Sequence[str]) -> str | None:
    """The hex digits that a digest of this phrase begins with; None where the words are no phrase.

    Args:
        words: as a person typed them; the case of letters does not count.
    """
    places = [_places().get(word.lower()) for word in words]
    if len(places) != WORDS:
        return None
    bits = 0
    for place in places:
        if place is None:
            return None
        bits = bits << _BITS | place
    return f"{bits:0{_DIGITS}x}"


@cache
def _words() -> Sequence[str]:
    from mnemonic import Mnemonic  # noqa: PLC0415 - most commands show no phrase

    return Mnemonic("english").wordlist


@cache
def _places() -> dict[str, int]:
    return {word: place for place, word in enumerate(_words())}

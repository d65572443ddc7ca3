"""Where a database is cut: nothing is lost, an edit stays where it was made, and what was moved is found again."""

import hashlib
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from noc.hosts.node.backup_cutting import Pages, cut

KEY = bytes(32)
LEAST, MOST = 16 * 1024, 256 * 1024
MIB = 1024 * 1024
sizes = st.sampled_from([512, 1024, 4096, 16_384, 65_536])


def pages(count: int, page_size: int = 4096, seed: int = 1) -> list[bytes]:
    """Pages of which no two are alike."""
    return [hashlib.blake2b(f"{seed}-{number}".encode()).digest() * (page_size // 64) for number in range(count)]


def chunks(content: bytes, page_size: int = 4096, key: bytes = KEY) -> list[bytes]:
    return list(cut(io.BytesIO(content), page_size, len(content), key))


@given(count=st.integers(0, 600), page_size=sizes, seed=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_chunks_make_up_the_database(count: int, page_size: int, seed: int) -> None:
    content = b"".join(pages(count, page_size, seed))
    assert b"".join(chunks(content, page_size)) == content


@given(count=st.integers(1, 2000), page_size=sizes, seed=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_chunks_are_of_whole_pages_and_within_bounds(count: int, page_size: int, seed: int) -> None:
    *found, last = chunks(b"".join(pages(count, page_size, seed)), page_size)
    assert all(LEAST <= len(chunk) <= MOST and len(chunk) % page_size == 0 for chunk in found)
    assert 0 < len(last) <= MOST


@given(place=st.integers(0, 1999), seed=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_an_edit_of_one_page_changes_few_chunks(place: int, seed: int) -> None:
    before = pages(2000, seed=seed)
    after = [*before[:place], b"edited!!" * 512, *before[place + 1 :]]
    new = set(chunks(b"".join(after))) - set(chunks(b"".join(before)))
    # The chunk around it, and at most those up to where an old border is met again.
    assert 1 <= len(new) <= 5


@given(place=st.integers(0, 1999), seed=st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_after_an_inserted_page_the_chunks_are_those_of_before(place: int, seed: int) -> None:
    before = pages(2000, seed=seed)
    after = [*before[:place], b"inserted" * 512, *before[place:]]
    new = set(chunks(b"".join(after))) - set(chunks(b"".join(before)))
    assert 1 <= len(new) <= 5


def test_pages_that_are_all_alike_are_cut_at_the_bound() -> None:
    found = chunks(bytes(4096) * 1000)
    assert {len(chunk) for chunk in found[:-1]} in ({MOST}, {LEAST})


def test_another_key_cuts_in_other_places() -> None:
    content = b"".join(pages(2000))
    assert list(map(len, chunks(content))) != list(map(len, chunks(content, key=bytes([1] * 32))))


def test_a_chunk_is_of_some_64_kib() -> None:
    found = chunks(b"".join(pages(10_000)))
    assert 50 * 1024 < sum(map(len, found)) / len(found) < 100 * 1024


@given(st.sampled_from([512, 4096, 65_536]), st.integers(0, 1 << 42))
def test_no_chunk_is_longer_than_a_mebibyte_and_the_grain_is_even(page_size: int, size: int) -> None:
    found = Pages.of(page_size, size)
    assert 1 <= found.least <= found.mean <= found.most <= MIB // page_size
    assert found.mean & (found.mean - 1) == 0


def test_a_large_database_has_coarser_chunks() -> None:
    found = [Pages.of(4096, size * MIB).mean for size in (1, 256, 257, 512, 513, 100_000)]
    assert found == [16, 16, 32, 32, 64, 64]

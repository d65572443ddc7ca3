"""The fence only grows, whoever asks, and is never given twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.errors import TimedOut
from noc.runs.admission.errors import FenceUnreadable
from noc.runs.admission.exclusive import exclusive
from noc.runs.admission.fence import next_fence, raise_fence


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fence"


def test_numbers_asked_for_at_once_are_all_different(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        given_out = list(pool.map(lambda _: next_fence(path), range(40)))
    assert sorted(given_out) == list(range(1, 41))


@given(st.lists(st.one_of(st.none(), st.integers(0, 100)), max_size=20))
def test_a_number_is_higher_than_all_that_were_given_or_seen(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int | None]
) -> None:
    path, highest = tmp_path_factory.mktemp("fence") / "fence", 0
    for seen in steps:
        if seen is None:
            number = next_fence(path)
            assert number == highest + 1
            highest = number
        else:
            raise_fence(path, seen)
            highest = max(highest, seen)


def test_an_absurd_number_that_a_node_claims_is_not_believed(path: Path) -> None:
    raise_fence(path, 10**60)
    assert next_fence(path) == 1


@pytest.mark.parametrize("text", ["", "seven", "-3", "1e9"])
def test_a_damaged_file_gives_no_number(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(FenceUnreadable, match="holds no number"):
        next_fence(path)


def test_a_file_that_was_edited_with_a_newline_counts(path: Path) -> None:
    path.write_text("7\n")
    assert next_fence(path) == 8


def test_a_lock_that_another_holds_is_waited_for_with_a_deadline(path: Path) -> None:
    with exclusive(path), pytest.raises(TimedOut, match="stays locked"), exclusive(path, within_s=0.05):
        pass


def test_a_lock_is_got_when_it_is_let_go(path: Path) -> None:
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusive(path):
            holding.set()
            done.wait(10)

    other = threading.Thread(target=hold)
    other.start()
    holding.wait(10)
    threading.Timer(0.05, done.set).start()
    with exclusive(path):
        assert done.is_set()
    other.join()


def test_a_link_in_the_locks_place_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"), exclusive(path):
        pass
    assert not (tmp_path / "elsewhere").exists()

"""`noc rollout`: which batches are meant."""

import pytest

from noc.cli.rollout import numbers
from noc.errors import Usage


@pytest.mark.parametrize(("said", "meant"), [(["1"], [1]), (["1..4"], [1, 2, 3, 4]), (["3", "1..2", "2"], [1, 2, 3])])
def test_batches_are_read_once_and_in_order(said: list[str], meant: list[int]) -> None:
    assert numbers(said) == meant


@pytest.mark.parametrize("text", ["", "one", "1..", "..4", "1-4", "-1", "4..2", "1" * 9])
def test_what_is_no_batch_is_named(text: str) -> None:
    with pytest.raises(Usage, match="is no batch"):
        numbers([text])

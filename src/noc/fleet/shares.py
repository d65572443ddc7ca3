"""A number of nodes, or a share of them: `5`, or `"5%"`, as a batch is given."""

import re
from typing import Annotated, Any, Final

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

MOST_NODES: Final = 2_000
"""Nodes that one HQ runs: the highest number of a node, and the bound of every list of them."""

_SHARE: Final = re.compile(r"([1-9][0-9]?|100)%")


def read_batch(value: Any) -> int | str:  # noqa: ANN401 - whatever stands in a file, or in a request
    """A batch as it was written. Raises PydanticCustomError for what is none."""
    if isinstance(value, str) and _SHARE.fullmatch(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_NODES:
        return value
    words = 'should be 1 to {most} nodes, or a share of them from 1% to 100%, such as "5%"'
    raise PydanticCustomError("batch", words, {"most": MOST_NODES})


Batch = Annotated[int | str, PlainValidator(read_batch, json_schema_input_type=int | str)]
"""Nodes of one wave: a number, or a share of the nodes that a rollout is over."""


def counted(batch: int | str, nodes: int) -> int:
    """A batch as a number of nodes: a share is rounded down, and at least one.

    Args:
        batch: a `Batch`.
        nodes: how many the share is of.
    """
    return batch if isinstance(batch, int) else max(1, nodes * int(batch.removesuffix("%")) // 100)

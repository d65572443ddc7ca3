"""What a service answers to a request that it does not take."""

import json
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]


class Refused(Exception):
    """A request that the original answers with an error.

    Attributes:
        status: of HTTP.
        document: the answer's JSON.
        headers: what it says besides.
    """

    def __init__(self, status: int, document: Document, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, document)
        self.status, self.document, self.headers = status, document, dict(headers or {})

    @property
    def text(self) -> str:
        """The document as it is sent."""
        return json.dumps(self.document)

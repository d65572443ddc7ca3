"""What the stand-in says itself: refusals and answers in the forms of AWS's protocols (query, JSON, REST with JSON)."""

import json
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

from noc.lab.cloud.question import Question

NAMESPACE: Final = "http://ec2.amazonaws.com/doc/2016-11-15/"
_STATUS: Final = {
    "AuthFailure": 401,
    "OptInRequired": 401,
    "UnauthorizedOperation": 403,
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "RequestLimitExceeded": 503,
    "TooManyRequestsException": 429,
    "InsufficientInstanceCapacity": 500,
}


@dataclass(frozen=True)
class Answer:
    """A response: status, media type, body."""

    status: int
    kind: str
    body: bytes


def refused(question: Question, code: str, message: str) -> Answer:
    """An error as the service words it."""
    status = _STATUS.get(code, 400)
    if question.service == "ec2":
        error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
        return _xml(status, f"<Response><Errors><Error>{error}</Error></Errors><RequestID>lab</RequestID></Response>")
    if question.service == "sts":
        error = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
        return _xml(status, f"<ErrorResponse><Error>{error}</Error><RequestId>lab</RequestId></ErrorResponse>")
    return document({"__type": code, "message": message}, status)


def document(content: Any, status: int = 200) -> Answer:  # noqa: ANN401 - any JSON document
    """A JSON answer."""
    return Answer(status, "application/x-amz-json-1.1", json.dumps(content).encode())


def query(operation: str, inside: str) -> Answer:
    """An answer of EC2's query protocol."""
    name = f"{operation}Response"
    return _xml(200, f'<{name} xmlns="{NAMESPACE}"><requestId>lab</requestId>{inside}</{name}>')


def _xml(status: int, text: str) -> Answer:
    return Answer(status, "text/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode())

"""What the API answers to a request that it does not take."""

from noc.lab.services import refusals
from noc.lab.services.refusals import Document


class Refused(refusals.Refused):
    """A request that Discord answers with an error document: HTTP status, its own code, its sentence, the fields."""

    def __init__(self, status: int, code: int, message: str, errors: Document | None = None) -> None:
        super().__init__(status, {"message": message, "code": code} | ({"errors": errors} if errors else {}))


def form(path: str, code: str, message: str) -> Refused:
    """Error 50035 for one field, such as `components.0.components.1.custom_id`."""
    errors: Document = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(path.split(".")):
        errors = {name: errors}
    return Refused(400, 50035, "Invalid Form Body", errors)

"""What the API answers to a call that it does not take."""

from noc.lab.services import refusals


class Refused(refusals.Refused):
    """An answer with `ok: false`: the HTTP status, the description, and parameters where it has some."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        more = {"parameters": parameters} if parameters else {}
        super().__init__(status, {"ok": False, "error_code": status, "description": description, **more})

    @classmethod
    def bad(cls, words: str) -> "Refused":
        """The commonest one."""
        return cls(400, f"Bad Request: {words}")

"""What a person was given by the watch, taken back at once: sessions, links and tokens."""

from typing import Any, Final

from noc.errors import NotPermitted
from noc.watch.access.caller import caller_of
from noc.watch.access.keyring import Keyring
from noc.watch.api import answers
from noc.watch.api.operation import Answer, Asked, Nothing, Operation

PATH: Final = "/api/v1/people/{name}/keys"


class PeopleApi:
    """The handler; the keyring does the rest."""

    def __init__(self, keyring: Keyring) -> None:
        """Take the keys that were given away."""
        self._keyring = keyring

    def operations(self) -> list[Operation[Any, Any]]:
        """Their table."""
        return [
            Operation(
                method="DELETE",
                path=PATH,
                summary="End a person's sessions and links, and take back the tokens that they made; root's, on HQ.",
                role="operator",
                handle=self.drop,
                answers=answers.KeysDropped,
            )
        ]

    async def drop(self, asked: Asked[Nothing, Nothing]) -> Answer:
        """Take all of it back; asking again finds nothing any more."""
        caller = caller_of(asked.request)
        if (caller.name, caller.via) != ("root", "socket"):
            raise NotPermitted(f"{caller.name} may not end what others hold", fix="on HQ: sudo noc offboard PERSON")
        name = asked.name()
        tokens = self._keyring.of("token", name)
        sessions = [*self._keyring.of("session", name), *self._keyring.of("link", name)]
        others = self._keyring.of("acknowledge", name)
        await self._keyring.drop([*tokens, *sessions, *others])
        return {"person": name, "sessions": len(sessions), "tokens": [key.name for key in tokens]}

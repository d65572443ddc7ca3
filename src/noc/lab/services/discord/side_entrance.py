"""What a test does as the people, the trouble it brings, and what it sees."""

import json
from collections.abc import Callable
from typing import Any

from noc.lab.services import SIDE_ENTRANCE
from noc.lab.services.discord.documents import user
from noc.lab.services.discord.interactions import Interaction
from noc.lab.services.discord.messages import EPHEMERAL, LOADING, NO_EMBEDS
from noc.lab.services.discord.refusals import Refused
from noc.lab.services.discord.request import Request
from noc.lab.services.discord.service import Discord
from noc.lab.services.refusals import Document


class SideEntrance:
    """What stands below `/_stand-in/`: people, what they see, and trouble."""

    def __init__(self, discord: Discord) -> None:
        self._discord = discord

    def answer(self, request: Request) -> Any:  # noqa: ANN401 - any JSON value
        """The answer to a request at a path below it. Raises Refused 400 or 404 for what cannot be done."""
        ways: dict[tuple[str, str], Callable[[Document], Any]] = {
            ("GET", "messages"): lambda _: [self._seen(message) for message in self._discord.messages.known.values()],
            ("GET", "commands"): lambda _: self._discord.commands,
            ("GET", "interactions"): lambda _: [self._state(one) for one in self._discord.interactions.known.values()],
            ("GET", "gateway"): lambda _: self._gateway(),
            ("POST", "slash"): self._slash,
            ("POST", "press"): self._press,
            ("POST", "trouble"): self._trouble,
        }
        act = ways.get((request.method, request.path.removeprefix(SIDE_ENTRANCE)))
        if act is None:
            raise Refused(404, 0, "The stand-in has no such way in.")
        return act(request.document() if request.method == "POST" else {})

    def _gateway(self) -> Document:
        gateway = self._discord.gateway
        about: Document = {"connected": len(gateway.connections()), "identifies": gateway.identifies}
        return about | {"resumes": gateway.resumes, "beats": gateway.beats, "closes": list(gateway.closes)}

    def _seen(self, message: Document) -> Document:
        """A message as people see it."""
        messages, number = self._discord.messages, message["id"]
        channel = self._discord.channels.known[message["channel_id"]]
        buttons = [button for row in message["components"] for button in row["components"]]
        seen = {"id": number, "channel": channel["id"], "direct_to": channel.get("recipient"), "buttons": buttons}
        seen |= {"author": message["author"]["id"], "content": message["content"], "edits": messages.edits[number]}
        flags = {"ephemeral": bool(message["flags"] & EPHEMERAL), "thinking": bool(message["flags"] & LOADING)}
        flags["previews"] = not message["flags"] & NO_EMBEDS
        return seen | flags | {"pinged": messages.pings[number]}

    def _state(self, interaction: Interaction) -> Document:
        about = {"id": interaction.id, "user": interaction.user, "state": interaction.state()}
        return about | {"acknowledged_after": interaction.acknowledged_after, "answer": interaction.original}

    def _person(self, document: Document) -> Document:
        return user(str(document["user"]), str(document.get("name", "")))

    def _slash(self, document: Document) -> Document:
        """`{"user", "name", "channel", "command", "options": {name: value}}`, as Discord's own programs send it."""
        found = [one for one in self._discord.commands if one["name"] == document.get("command")]
        channel = str(document.get("channel") or next(iter(self._discord.channels.known)))
        if not found or self._discord.channels.known.get(channel, {}).get("type") != 0:
            raise Refused(404, 0, "There is no such command here.")
        given: Document = document.get("options") or {}
        known = {option["name"]: option for option in found[0].get("options") or []}
        missing = [name for name, option in known.items() if option.get("required") and not given.get(name)]
        if missing or not set(given) <= set(known):
            raise Refused(400, 0, f"This command takes {', '.join(known) or 'nothing'}.")
        chosen = {name: [choice["value"] for choice in known[name].get("choices", ())] for name in given}
        if any(choices and given[name] not in choices for name, choices in chosen.items()):
            raise Refused(400, 0, "This is none of the choices.")
        options = [{"name": name, "type": 3, "value": str(value)} for name, value in given.items()]
        data = {"id": found[0]["id"], "name": found[0]["name"], "type": 1, "guild_id": self._discord.channels.guild}
        data["options"] = options
        return self._state(self._discord.interactions.begin(2, self._person(document), channel, data, None))

    def _press(self, document: Document) -> Document:
        """`{"user", "name", "message", "label" or "custom_id"}`."""
        message = self._discord.messages.known.get(str(document.get("message")))
        buttons = [button for row in (message or {}).get("components", []) for button in row["components"]]
        wanted = [
            button
            for button in buttons
            if document.get("label") == button["label"] or document.get("custom_id") == button["custom_id"]
        ]
        if message is None or not wanted or wanted[0].get("disabled"):
            raise Refused(404, 0, "There is no such button.")
        data = {"custom_id": wanted[0]["custom_id"], "component_type": 2}
        person, channel = self._person(document), message["channel_id"]
        return self._state(self._discord.interactions.begin(3, person, channel, data, message["id"]))

    def _trouble(self, document: Document) -> Document:
        """Any of `close` (a code), `reconnect`, `drop`, `forget` (sessions), `identifies` (begun today), `throttle`
        (`{"times", "wait_s", "global"}`), `broken` (answers), `permissions` (`{channel: bits}`), `member`, `closed_to`,
        `delete`, `token`."""
        discord, gateway = self._discord, self._discord.gateway
        throttle = document.get("throttle") or {}
        for _ in range(throttle.get("times", 0)):
            discord.limits.throttled.append((float(throttle["wait_s"]), bool(throttle.get("global"))))
        discord.broken += int(document.get("broken", 0))
        discord.channels.permissions |= document.get("permissions") or {}
        discord.bot.member = bool(document.get("member", discord.bot.member))
        discord.channels.closed_to |= set(document.get("closed_to") or ())
        discord.messages.known.pop(str(document.get("delete")), None)
        discord.bot.token = str(document.get("token", discord.bot.token))
        gateway.identifies = int(document.get("identifies", gateway.identifies))
        sockets = gateway.connections()
        if document.get("forget"):
            gateway.sessions.clear()
        for socket in sockets:
            if "close" in document:
                socket.close(int(document["close"]))
            elif document.get("reconnect"):
                socket.send(json.dumps({"op": 7, "s": None, "t": None, "d": None}).encode(), opcode=1)
            elif document.get("drop"):
                socket.drop()
        return self._gateway()

"""Discord's HTTP API."""

import hmac
import re
from collections.abc import Callable
from typing import Any

from noc.lab.services.discord.answers import Answers
from noc.lab.services.discord.documents import SEND, VIEW, snowflake, user
from noc.lab.services.discord.forms import check_commands, check_message
from noc.lab.services.discord.gateway import SESSIONS_A_DAY
from noc.lab.services.discord.messages import NO_EMBEDS
from noc.lab.services.discord.refusals import Refused
from noc.lab.services.discord.request import Request
from noc.lab.services.discord.service import Discord
from noc.lab.services.refusals import Document

VERSION = "10"


class Api:
    """Discord's HTTP API."""

    def __init__(self, discord: Discord) -> None:
        self._discord, answers = discord, Answers(discord)
        app = discord.bot.id
        hook = rf"/webhooks/{app}/([^/]+)"
        self._routes: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
            ("GET", r"/gateway", "", self._url),
            ("GET", r"/gateway/bot", "", self._gateway),
            ("GET", r"/users/@me", "", lambda _: discord.bot.document),
            ("GET", r"/oauth2/applications/@me", "", lambda _: self._application()),
            ("POST", r"/users/@me/channels", "", self._open_direct),
            ("GET", r"/channels/(\d+)", "", lambda _, channel: discord.channels.reachable(channel, VIEW)),
            ("POST", r"/channels/(\d+)/messages", "message", self._send),
            ("GET", r"/channels/(\d+)/messages/(\d+)", "", self._show),
            ("PATCH", r"/channels/(\d+)/messages/(\d+)", "edit", self._edit),
            ("GET", rf"/applications/{app}/guilds/(\d+)/commands", "", self._commands),
            ("PUT", rf"/applications/{app}/guilds/(\d+)/commands", "commands", self._register),
            ("POST", r"/interactions/(\d+)/([^/]+)/callback", "", answers.acknowledge),
            ("POST", hook, "webhook", answers.follow),
            ("GET", rf"{hook}/messages/@original", "webhook", lambda _, token: answers.original(token)),
            ("PATCH", rf"{hook}/messages/(@original|\d+)", "webhook", answers.edit),
            ("DELETE", rf"{hook}/messages/(@original|\d+)", "webhook", answers.delete),
        )

    def answer(self, request: Request, target: str) -> tuple[int, dict[str, str], Any]:
        """The answer to a request for a path: status, headers, document."""
        path = target.removeprefix(f"/api/v{VERSION}")
        if self._discord.broken:
            self._discord.broken -= 1
            return 502, {}, {"message": "502: Bad Gateway", "code": 0}
        if not path.startswith(("/interactions/", "/webhooks/")) and path != "/gateway":
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bot {self._discord.bot.token}".encode()):
                raise Refused(401, 0, "401: Unauthorized")
        found_ways = ((way, re.fullmatch(way[1], path)) for way in self._routes if path != target)
        ways = [(way, found) for way, found in found_ways if found]
        if not ways:
            raise Refused(404, 0, "404: Not Found")
        for (method, _, route, act), found in ways:
            if method == request.method:
                headers = self._discord.limits.take(route, next(iter(found.groups()), ""))
                document = act(request, *found.groups())
                return 204 if document is None else 200, headers, document
        raise Refused(405, 0, "405: Method Not Allowed")

    def _url(self, request: Request) -> Document:
        return {"url": self._discord.gateway.url(request.headers.get("host", ""))}

    def _gateway(self, request: Request) -> Document:
        left = SESSIONS_A_DAY - self._discord.gateway.identifies
        started = {"total": SESSIONS_A_DAY, "remaining": left, "reset_after": 86_400_000}
        limit = started | {"max_concurrency": 1}
        return self._url(request) | {"shards": 1, "session_start_limit": limit}

    def _application(self) -> Document:
        bot = self._discord.bot.document
        about = {"id": bot["id"], "name": bot["username"], "description": "", "icon": None, "verify_key": "0" * 64}
        return about | {"bot_public": False, "bot_require_code_grant": False, "owner": user("1", "owner"), "flags": 0}

    def _open_direct(self, request: Request) -> Document:
        return self._discord.channels.direct(str(request.document().get("recipient_id")))

    def _send(self, request: Request, channel: str) -> Document:
        body = request.document()
        check_message(body, sends=True)
        self._discord.channels.reachable(channel, VIEW | SEND)
        return self._discord.messages.say(channel, body, flags=int(body.get("flags") or 0) & NO_EMBEDS)

    def _show(self, _: Request, channel: str, message: str) -> Document:
        self._discord.channels.reachable(channel, VIEW)
        return self._discord.messages.own(channel, message)

    def _edit(self, request: Request, channel: str, message: str) -> Document:
        self._discord.channels.reachable(channel, VIEW)
        return self._discord.messages.change(self._discord.messages.own(channel, message), request.document())

    def _own_guild(self, guild: str) -> None:
        if guild != self._discord.channels.guild or not self._discord.bot.member:
            raise Refused(403, 50001, "Missing Access")

    def _commands(self, _: Request, guild: str) -> list[Document]:
        self._own_guild(guild)
        return self._discord.commands

    def _register(self, request: Request, guild: str) -> list[Document]:
        self._own_guild(guild)
        given = check_commands(request.json())
        known = {command["name"]: command["id"] for command in self._discord.commands}
        extra = {"application_id": self._discord.bot.id, "guild_id": guild, "version": snowflake(), "type": 1}
        extra["default_member_permissions"] = None
        self._discord.commands = [
            extra | command | {"id": known.get(command["name"]) or snowflake()} for command in given
        ]
        return self._discord.commands

"""The stand-in for Discord refuses what the original refuses. docs/stand-ins.md says by which source."""

import json
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from discord_kit import CHANNEL, GUILD, TOKEN, Service, discord_service
from noc.lab.services.discord.interactions import ACKNOWLEDGE_S

HELLO, HEARTBEAT, IDENTIFY, RESUME, INVALID, ACK = 10, 1, 2, 6, 9, 11
GUILDS, MEMBERS = 1, 2
APP = "1000"
SAY = f"/channels/{CHANNEL}/messages"


def button(custom: str, label: str = "Begin") -> dict[str, Any]:
    """One button, as it goes over the wire."""
    return {"type": 2, "style": 1, "label": label, "custom_id": custom}


def row(*buttons: dict[str, Any]) -> dict[str, Any]:
    """A row of them."""
    return {"type": 1, "components": list(buttons)}


def refusal(answer: Any) -> tuple[int, int]:
    """Status and code of an answer."""
    return answer.status_code, answer.json()["code"]


class Line:
    """A connection to the gateway, without any library above the WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._inflate = zlib.decompressobj()

    async def send(self, op: int, data: Any) -> None:
        """Send one payload."""
        await self.socket.send_str(json.dumps({"op": op, "d": data}))

    async def receive(self) -> dict[str, Any]:
        """The next payload."""
        message = await self.socket.receive(10)
        text = self._inflate.decompress(message.data) if message.type is aiohttp.WSMsgType.BINARY else message.data
        return dict(json.loads(text))

    async def closed(self) -> int | None:
        """With which code it is closed, whatever comes before that."""
        while not self.socket.closed:
            if (await self.socket.receive(10)).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
                break
        return self.socket.close_code


@asynccontextmanager
async def line(service: Service, query: str = "v=10&encoding=json") -> AsyncIterator[Line]:
    """A connection, before the first word."""
    async with aiohttp.ClientSession() as session:
        url = (await service.call("GET", "/gateway/bot")).json()["url"]
        async with session.ws_connect(f"{url}?{query}") as socket:
            yield Line(socket)


async def identified(on: Line, token: str = TOKEN, intents: Any = GUILDS) -> dict[str, Any]:
    """What the gateway answers to an identification."""
    assert (await on.receive())["op"] == HELLO
    await on.send(IDENTIFY, {"token": token, "intents": intents, "properties": {}})
    return await on.receive()


async def test_a_wrong_token_is_refused() -> None:
    async with discord_service() as service:
        assert refusal(await service.call("GET", "/users/@me", token="another")) == (401, 0)
        assert refusal(await service.call("GET", "/users/@me", token="")) == (401, 0)


async def test_a_path_that_is_none_is_refused() -> None:
    async with discord_service() as service:
        assert refusal(await service.call("GET", "/users/@them")) == (404, 0)
        assert refusal(await service.call("DELETE", "/users/@me")) == (405, 0)


async def test_an_answer_is_json_and_says_no_more_about_it() -> None:
    async with discord_service() as service:
        assert (await service.call("GET", "/users/@me")).headers["content-type"] == "application/json"


async def test_a_body_that_is_no_json_is_refused() -> None:
    async with discord_service() as service:
        headers = {"Authorization": f"Bot {TOKEN}", "Content-Type": "application/json"}
        answer = await service.http.post(f"/api/v10{SAY}", content=b"{", headers=headers)
        assert refusal(answer) == (400, 50109)


async def test_channels_and_messages_that_are_not_there_are_refused() -> None:
    async with discord_service() as service:
        assert refusal(await service.call("POST", "/channels/77/messages", {"content": "a"})) == (404, 10003)
        assert refusal(await service.call("PATCH", f"{SAY}/77", {"content": "a"})) == (404, 10008)


@pytest.mark.parametrize(("permissions", "code"), [(0, 50001), (1 << 10, 50013)])
async def test_a_channel_takes_only_who_may(permissions: int, code: int) -> None:
    async with discord_service() as service:
        await service.control("trouble", {"permissions": {str(CHANNEL): permissions}})
        assert refusal(await service.call("POST", SAY, {"content": "a"})) == (403, code)


async def test_a_person_may_take_no_messages() -> None:
    async with discord_service() as service:
        await service.control("trouble", {"closed_to": ["4711"]})
        direct = (await service.call("POST", "/users/@me/channels", {"recipient_id": "4711"})).json()["id"]
        assert refusal(await service.call("POST", f"/channels/{direct}/messages", {"content": "a"})) == (403, 50007)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": "a" * 2001}, 50035),
        ({"content": "a", "components": [row(*(button(str(at)) for at in range(6)))]}, 50035),
        ({"content": "a", "components": [row()]}, 50035),
        ({"content": "a", "components": [row(button(str(at))) for at in range(6)]}, 50035),
        ({"content": "a", "components": [row(button("i" * 101))]}, 50035),
        ({"content": "a", "components": [row(button("i", "l" * 81))]}, 50035),
        ({"content": "a", "components": [row(button("i")), row(button("i"))]}, 50035),
        ({"content": "a", "allowed_mentions": {"parse": ["nobody"]}}, 50035),
        ({"content": " "}, 50006),
    ],
)
async def test_a_message_has_its_measure(body: dict[str, Any], code: int) -> None:
    async with discord_service() as service:
        assert refusal(await service.call("POST", SAY, body)) == (400, code)
        assert await service.messages() == []


async def test_an_invalid_form_says_which_field() -> None:
    async with discord_service() as service:
        body = {"content": "a", "components": [row(button("one"), button("i" * 101))]}
        errors = (await service.call("POST", SAY, body)).json()["errors"]
        found = errors["components"]["0"]["components"]["1"]["custom_id"]["_errors"]
        assert [error["code"] for error in found] == ["BASE_TYPE_BAD_LENGTH"]


async def test_a_message_at_its_measure_is_taken() -> None:
    async with discord_service() as service:
        buttons = [button(str(at).rjust(100, "i"), "l" * 80) for at in range(5)]
        answer = await service.call("POST", SAY, {"content": "a" * 2000, "components": [row(*buttons)]})
        assert answer.status_code == 200


async def test_mentions_call_people_unless_the_message_says_otherwise() -> None:
    async with discord_service() as service:
        await service.call("POST", SAY, {"content": "@everyone <@7>"})
        await service.call("POST", SAY, {"content": "@everyone <@7>", "allowed_mentions": {"parse": []}})
        assert [message["pinged"] for message in await service.messages()] == [["@everyone", "7"], []]


async def test_the_sixth_message_in_five_seconds_is_too_many() -> None:
    async with discord_service() as service:
        answers = [await service.call("POST", SAY, {"content": "a"}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["4", "3", "2", "1", "0", "0"]
        last = answers[-1]
        assert last.json()["retry_after"] <= 5
        assert not last.json()["global"]
        assert last.headers["x-ratelimit-scope"] == "user"
        assert {"retry-after", "x-ratelimit-bucket", "x-ratelimit-reset-after"} <= set(last.headers)


async def test_fifty_requests_a_second_are_the_most_of_all_routes() -> None:
    async with discord_service() as service:
        service.discord.limits._windows[""] = (time.monotonic() + 60, 49)
        assert (await service.call("GET", "/users/@me")).status_code == 200
        answer = await service.call("GET", "/gateway/bot")
        assert (answer.status_code, answer.json()["global"]) == (429, True)
        assert answer.headers["x-ratelimit-global"] == "true"


@pytest.mark.parametrize(
    "command",
    [
        {"name": "Deploy", "description": "a"},
        {"name": "de ploy", "description": "a"},
        {"name": "d" * 33, "description": "a"},
        {"name": "deploy", "description": ""},
        {"name": "deploy", "description": "a" * 101},
        {"name": "deploy"},
        {"name": "deploy", "description": "a", "options": [{"type": 3, "name": "N", "description": "n"}]},
        {
            "name": "deploy",
            "description": "a",
            "options": [
                {"type": 3, "name": "one", "description": "n"},
                {"type": 3, "name": "two", "description": "n", "required": True},
            ],
        },
    ],
)
async def test_a_command_has_its_form(command: dict[str, Any]) -> None:
    async with discord_service() as service:
        answer = await service.call("PUT", f"/applications/{APP}/guilds/{GUILD}/commands", [command])
        assert refusal(answer) == (400, 50035)


async def test_commands_are_the_guilds_and_each_has_a_name_of_its_own() -> None:
    async with discord_service() as service:
        command = {"name": "deploy", "description": "a"}
        twice = await service.call("PUT", f"/applications/{APP}/guilds/{GUILD}/commands", [command, command])
        assert refusal(twice) == (400, 50035)
        elsewhere = await service.call("PUT", f"/applications/{APP}/guilds/77/commands", [command])
        assert refusal(elsewhere) == (403, 50001)
        many = [{"name": f"c{at}", "description": "a"} for at in range(101)]
        assert refusal(await service.call("PUT", f"/applications/{APP}/guilds/{GUILD}/commands", many)) == (400, 30032)


async def offered(service: Service) -> None:
    """A guild with one command."""
    command = {"name": "status", "description": "a"}
    answer = await service.call("PUT", f"/applications/{APP}/guilds/{GUILD}/commands", [command])
    assert answer.status_code == 200


async def test_an_interaction_takes_one_answer() -> None:
    async with discord_service() as service:
        await offered(service)
        number = await service.slash("4711", "status")
        way = f"/interactions/{number}/{service.discord.interactions.known[number].token}/callback"
        answer = {"type": 4, "data": {"content": "well"}}
        assert (await service.call("POST", way, answer, token="")).status_code == 204
        assert refusal(await service.call("POST", way, answer, token="")) == (400, 40060)


async def test_an_interaction_is_answered_in_three_seconds_or_never() -> None:
    async with discord_service(acknowledge_s=ACKNOWLEDGE_S) as service:
        await offered(service)
        number = await service.slash("4711", "status")
        interaction = service.discord.interactions.known[number]
        interaction.began -= 3
        way = f"/interactions/{number}/{interaction.token}/callback"
        assert refusal(await service.call("POST", way, {"type": 5}, token="")) == (404, 10062)


async def test_an_interaction_takes_its_own_token_alone() -> None:
    async with discord_service() as service:
        await offered(service)
        number = await service.slash("4711", "status")
        assert refusal(await service.call("POST", f"/interactions/{number}/guess/callback", {"type": 5})) == (
            404,
            10062,
        )


async def test_a_command_has_no_message_to_update() -> None:
    async with discord_service() as service:
        await offered(service)
        number = await service.slash("4711", "status")
        way = f"/interactions/{number}/{service.discord.interactions.known[number].token}/callback"
        assert refusal(await service.call("POST", way, {"type": 6})) == (400, 50035)


async def test_what_follows_an_answer_comes_after_it_and_within_a_quarter_of_an_hour() -> None:
    async with discord_service() as service:
        await offered(service)
        number = await service.slash("4711", "status")
        interaction = service.discord.interactions.known[number]
        way = f"/webhooks/{APP}/{interaction.token}"
        assert refusal(await service.call("POST", way, {"content": "more"}, token="")) == (404, 10015)
        await service.call("POST", f"/interactions/{number}/{interaction.token}/callback", {"type": 5})
        assert (await service.call("POST", way, {"content": "more"}, token="")).status_code == 200
        interaction.began -= 901
        assert refusal(await service.call("POST", way, {"content": "more"}, token="")) == (401, 50027)


async def test_what_one_person_sees_is_no_message_of_the_channel() -> None:
    async with discord_service() as service:
        await offered(service)
        number = await service.slash("4711", "status")
        way = f"/interactions/{number}/{service.discord.interactions.known[number].token}/callback"
        await service.call("POST", way, {"type": 4, "data": {"content": "well", "flags": 64}})
        [message] = await service.messages()
        assert refusal(await service.call("PATCH", f"{SAY}/{message['id']}", {"content": "a"})) == (404, 10008)


async def test_a_ready_session_knows_its_guild() -> None:
    async with discord_service() as service, line(service) as on:
        ready = await identified(on)
        assert (ready["t"], ready["s"]) == ("READY", 1)
        assert (await on.receive())["d"]["id"] == str(GUILD)


async def test_a_stream_is_compressed_for_who_asks_for_it() -> None:
    async with discord_service() as service, line(service, "v=10&encoding=json&compress=zlib-stream") as on:
        assert (await identified(on))["t"] == "READY"


@pytest.mark.parametrize(
    ("token", "intents", "code"),
    [("another", GUILDS, 4004), (TOKEN, 1 << 26, 4013), (TOKEN, "all", 4013), (TOKEN, MEMBERS, 4014)],
)
async def test_an_identification_that_is_wrong_ends_the_connection(token: str, intents: Any, code: int) -> None:
    async with discord_service() as service, line(service) as on:
        assert (await on.receive())["op"] == HELLO
        await on.send(IDENTIFY, {"token": token, "intents": intents, "properties": {}})
        assert await on.closed() == code


async def test_a_second_identification_ends_the_connection() -> None:
    async with discord_service() as service, line(service) as on:
        await identified(on)
        await on.send(IDENTIFY, {"token": TOKEN, "intents": GUILDS, "properties": {}})
        assert await on.closed() == 4005


async def test_two_sessions_begin_at_least_five_seconds_apart() -> None:
    async with discord_service() as service:
        async with line(service) as first:
            assert (await identified(first))["t"] == "READY"
        async with line(service) as second:
            answer = await identified(second)
            assert (answer["op"], answer["d"]) == (INVALID, False)


async def test_the_thousand_and_first_session_of_a_day_costs_the_token() -> None:
    async with discord_service() as service:
        await service.control("trouble", {"identifies": 1000})
        async with line(service) as on:
            await on.receive()
            await on.send(IDENTIFY, {"token": TOKEN, "intents": GUILDS, "properties": {}})
            assert await on.closed() == 4004
        assert refusal(await service.call("GET", "/users/@me")) == (401, 0)


async def test_a_heartbeat_is_acknowledged() -> None:
    async with discord_service() as service, line(service) as on:
        assert (await on.receive())["op"] == HELLO
        await on.send(HEARTBEAT, None)
        assert (await on.receive())["op"] == ACK


async def test_who_sends_no_heartbeat_is_hung_up_on() -> None:
    async with discord_service(heartbeat_s=0.1) as service, line(service) as on:
        assert (await identified(on))["t"] == "READY"
        assert await on.closed() == 4009


@pytest.mark.parametrize(
    ("text", "code"),
    [('{"op": 3, "d": {}}', 4003), ('{"op": 99, "d": {}}', 4001), ("no json", 4002), ("[" * 5000, 4002)],
)
async def test_a_payload_that_is_none_ends_the_connection(text: str, code: int) -> None:
    async with discord_service() as service, line(service) as on:
        await on.socket.send_str(text)
        assert await on.closed() == code


async def test_the_hundred_and_twenty_first_payload_in_a_minute_ends_the_connection() -> None:
    async with discord_service() as service, line(service) as on:
        for _ in range(121):
            await on.send(HEARTBEAT, None)
        assert await on.closed() == 4008


async def test_a_version_that_is_none_ends_the_connection() -> None:
    async with discord_service() as service, line(service, "v=5&encoding=json") as on:
        assert await on.closed() == 4012


async def test_a_session_that_is_resumed_hears_what_it_missed() -> None:
    async with discord_service() as service:
        await offered(service)
        async with line(service) as on:
            session = (await identified(on))["d"]["session_id"]
            await on.receive()
            await on.socket.close(code=4000)
        await service.slash("4711", "status")
        async with line(service) as again:
            await again.receive()
            await again.send(RESUME, {"token": TOKEN, "session_id": session, "seq": 2})
            assert [(await again.receive())["t"] for _ in range(2)] == ["INTERACTION_CREATE", "RESUMED"]


@pytest.mark.parametrize("code", [1000, 1001])
async def test_a_session_that_was_ended_in_order_is_not_resumed(code: int) -> None:
    async with discord_service() as service:
        async with line(service) as on:
            session = (await identified(on))["d"]["session_id"]
            await on.socket.close(code=code)
        async with line(service) as again:
            await again.receive()
            await again.send(RESUME, {"token": TOKEN, "session_id": session, "seq": 1})
            assert (await again.receive())["op"] == INVALID


async def test_a_place_that_never_was_is_not_resumed_from() -> None:
    async with discord_service() as service:
        async with line(service) as on:
            session = (await identified(on))["d"]["session_id"]
            await on.socket.close(code=4000)
        async with line(service) as again:
            await again.receive()
            await again.send(RESUME, {"token": TOKEN, "session_id": session, "seq": 99})
            assert await again.closed() == 4007


async def test_people_use_only_commands_and_buttons_that_are_there() -> None:
    async with discord_service() as service:
        await offered(service)
        unknown = await service.http.post("/_stand-in/slash", json={"user": "1", "command": "deploy"})
        press = await service.http.post("/_stand-in/press", json={"user": "1", "message": "77", "label": "Begin"})
        assert (unknown.status_code, press.status_code) == (404, 404)

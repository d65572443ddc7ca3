"""Telegram as the bot uses it: the real client library against the stand-in for the Bot API, on loopback."""

import asyncio
import logging
import ssl
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from https_kit import certificate
from noc.agent.bot.errors import ChannelAway, ChatRefused, MessageGone, TokenRefused
from noc.agent.bot.kept import Keeper
from noc.agent.bot.serving import WithoutSecrets
from noc.agent.bot.transport import Button, Incoming, MessageRef
from noc.agent.telegram.client import TelegramTransport
from noc.agent.words.message import Message
from noc.errors import NocError
from noc.fleet.chatting import Telegram
from telegram_kit import GROUP, TOKEN, Chat, telegram

ANNA = 1001
HELLO = Message("hello", ("world",))


@pytest.fixture
def chat() -> Iterator[Chat]:
    with telegram() as found:
        yield found


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path / "state.json")


@asynccontextmanager
async def transport_to(
    settings: Telegram, keeper: Keeper, token: str = TOKEN, ca: Path | None = None
) -> AsyncIterator[TelegramTransport]:
    made = TelegramTransport(settings, token, keeper, ca, [("status", "The fleet at a glance")])
    yield made
    await made.close()


@pytest.fixture
async def transport(chat: Chat, keeper: Keeper) -> AsyncIterator[TelegramTransport]:
    async with transport_to(chat.settings, keeper) as made:
        yield made


@asynccontextmanager
async def listening(transport: TelegramTransport) -> AsyncIterator[list[Incoming]]:
    """What a transport hears meanwhile."""
    heard: list[Incoming] = []

    async def handler(incoming: Incoming) -> None:
        heard.append(incoming)

    running = asyncio.create_task(transport.run(handler))
    try:
        yield heard
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def the_group(message: int) -> MessageRef:
    return MessageRef("telegram", str(GROUP), str(message))


async def test_what_people_say_arrives(chat: Chat, transport: TelegramTransport) -> None:
    async with listening(transport) as heard:
        chat.say(ANNA, "/deploy all 1.1.0", GROUP, name="Anna")
        chat.say(ANNA, "/link ABCD-EFGH")
        chat.say(ANNA, "/status@clavitor_noc_bot", GROUP)
        await chat.until(lambda: len(heard) == 3)
    said = [(each.id, each.chat, each.private, each.text) for each in heard]
    group, alone = str(GROUP), str(ANNA)
    assert said == [
        (alone, group, False, "/deploy all 1.1.0"),
        (alone, alone, True, "/link ABCD-EFGH"),
        (alone, group, False, "/status"),
    ]


async def test_a_press_arrives_and_is_answered(chat: Chat, transport: TelegramTransport) -> None:
    ref = await transport.send(str(GROUP), HELLO, [Button("Begin", "begin:" + "0" * 16, "good")])
    async with listening(transport) as heard:
        chat.press(ANNA, "begin:" + "0" * 16, int(ref.id))
        await chat.until(lambda: heard)
    assert (heard[0].button, heard[0].message, heard[0].id) == ("begin:" + "0" * 16, ref, str(ANNA))
    await transport.answer(heard[0], "approved by anna")
    assert [answer["text"] for answer in chat.act("answers")] == ["approved by anna"]


async def test_a_press_of_what_does_not_stand_there_comes_without_its_message(
    chat: Chat, transport: TelegramTransport
) -> None:
    ref = await transport.send(str(GROUP), HELLO, [Button("Begin", "begin:" + "0" * 16)])
    async with listening(transport) as heard:
        chat.press(ANNA, "approve:" + "1" * 16, int(ref.id))
        await chat.until(lambda: heard)
    assert (heard[0].button, heard[0].message) == ("approve:" + "1" * 16, None)


async def test_a_press_that_is_too_old_to_be_answered_is_no_error(chat: Chat, transport: TelegramTransport) -> None:
    ref = await transport.send(str(GROUP), HELLO, [Button("Begin", "begin:1")])
    async with listening(transport) as heard:
        chat.press(ANNA, "begin:1", int(ref.id))
        await chat.until(lambda: heard)
    chat.act("age")
    await transport.answer(heard[0], "approved by anna")
    assert chat.act("answers") == []


async def test_an_edit_that_changes_nothing_is_no_error(chat: Chat, transport: TelegramTransport) -> None:
    ref = await transport.send(str(GROUP), HELLO)
    await transport.edit(ref, HELLO)
    assert chat.messages()[0]["edits"] == 0


async def test_a_message_that_is_gone_is_told_as_that(chat: Chat, transport: TelegramTransport) -> None:
    ref = await transport.send(str(GROUP), HELLO)
    chat.act("delete", chat=GROUP, message=int(ref.id))
    with pytest.raises(MessageGone):
        await transport.edit(ref, Message("new"))


async def test_anothers_message_is_not_ours_to_edit(chat: Chat, transport: TelegramTransport) -> None:
    with pytest.raises(MessageGone):
        await transport.edit(the_group(chat.say(ANNA, "/status", GROUP)), HELLO)


@pytest.mark.parametrize(
    ("chat_is", "fix"),
    [
        ({"forbidden": "bot was blocked by the user"}, "let the bot into the chat again"),
        ({"forbidden": "bot was kicked from the supergroup chat"}, "let the bot into the chat again"),
        ({"moved_to": -1009}, "chat = -1009 in [telegram] of fleet.toml"),
    ],
    ids=str,
)
async def test_a_chat_that_is_shut_is_told_with_what_mends_it(
    chat: Chat, transport: TelegramTransport, chat_is: dict[str, object], fix: str
) -> None:
    chat.act("chat", id=GROUP, **chat_is)
    with pytest.raises(ChatRefused) as refused:
        await transport.send(str(GROUP), HELLO)
    assert refused.value.fix == fix


async def test_a_chat_that_is_none_is_told_with_what_mends_it(transport: TelegramTransport) -> None:
    with pytest.raises(ChatRefused) as refused:
        await transport.send("77", HELLO)
    assert "let the bot into the chat" in refused.value.fix


async def test_a_pause_that_is_asked_for_is_kept(chat: Chat, transport: TelegramTransport) -> None:
    chat.refuse("sendMessage", 429, "Too Many Requests: retry after 1", retry_after=1)
    await transport.send(str(GROUP), HELLO)
    assert chat.said() == ["hello\nworld"]


async def test_a_pause_that_is_too_long_is_an_absence(chat: Chat, transport: TelegramTransport) -> None:
    chat.refuse("sendMessage", 429, "Too Many Requests: retry after 3600", retry_after=3600)
    with pytest.raises(ChannelAway, match="it asks for a pause of 3600 s"):
        await transport.send(str(GROUP), HELLO)


@pytest.mark.parametrize(("status", "words"), [(502, "Bad Gateway"), (500, "Internal Server Error")])
async def test_a_failure_of_the_service_is_an_absence(
    chat: Chat, transport: TelegramTransport, status: int, words: str
) -> None:
    chat.refuse("sendMessage", status, words)
    with pytest.raises(ChannelAway):
        await transport.send(str(GROUP), HELLO)


async def test_a_second_reader_is_told_and_outlasted(
    chat: Chat, transport: TelegramTransport, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.agent.telegram.client._TROUBLE_S", (0.05,))
    words = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    chat.refuse("getUpdates", 409, words, times=3)
    async with listening(transport) as heard:
        await chat.until(lambda: chat.act("calls").get("getUpdates", 0) > 3)
        chat.say(ANNA, "/status", GROUP)
        await chat.until(lambda: heard)
    told = [record.getMessage() for record in caplog.records if "another program reads" in record.getMessage()]
    assert len(told) == 1


async def test_a_webhook_does_not_keep_updates_away(chat: Chat, transport: TelegramTransport) -> None:
    chat.act("webhook", on=True)
    async with listening(transport) as heard:
        chat.say(ANNA, "/status", GROUP)
        await chat.until(lambda: heard)


@pytest.mark.parametrize("message", [{"gift": {}}, {}, {"chat": {"id": "x" * 10}}, "text", 7], ids=str)
async def test_an_update_that_cannot_be_read_keeps_no_later_one_away(
    chat: Chat, transport: TelegramTransport, message: object
) -> None:
    chat.act("update", message=message)
    async with listening(transport) as heard:
        chat.say(ANNA, "/status", GROUP)
        await chat.until(lambda: heard)
    assert [each.text for each in heard] == ["/status"]


async def test_an_answer_that_is_too_large_is_not_taken(
    chat: Chat, transport: TelegramTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noc.agent.telegram.requests.MAX_BYTES", 20)
    with pytest.raises(ChannelAway):
        await transport.reach()


async def test_the_menu_is_offered(chat: Chat, transport: TelegramTransport) -> None:
    async with listening(transport):
        await chat.until(lambda: chat.act("commands"))
    assert chat.act("commands") == [{"command": "status", "description": "The fleet at a glance"}]


async def test_what_was_read_is_not_read_again_after_a_restart(chat: Chat, keeper: Keeper, tmp_path: Path) -> None:
    chat.say(ANNA, "/halt smoke", GROUP)
    async with transport_to(chat.settings, keeper) as first, listening(first) as heard:
        await chat.until(lambda: heard)
    async with transport_to(chat.settings, Keeper(tmp_path / "state.json")) as second, listening(second) as again:
        chat.say(ANNA, "/status", GROUP)
        await chat.until(lambda: again)
    assert [each.text for each in again] == ["/status"]


async def test_what_was_said_long_ago_has_its_age(chat: Chat, transport: TelegramTransport) -> None:
    async with listening(transport) as heard:
        chat.say(ANNA, "/status", GROUP, ago_s=3600)
        await chat.until(lambda: heard)
    assert heard[0].age_s >= 3599


async def test_what_is_long_is_cut_and_sent(chat: Chat, transport: TelegramTransport) -> None:
    ref = await transport.send(str(GROUP), Message("t" * 5000, ("l" * 5000,), "c" * 9000))
    await transport.edit(ref, Message("😀" * 3000, ("😀" * 3000,), "😀" * 3000))
    assert len(chat.said()) == 1


async def test_a_text_is_shown_as_it_is(chat: Chat, transport: TelegramTransport) -> None:
    hostile = "<b>x</b> [y](https://evil.example) *z* _u_ `v` <script>"
    await transport.send(str(GROUP), Message(hostile, (hostile,), hostile))
    message = chat.messages()[0]
    assert message["text"] == "\n".join([hostile] * 3)
    assert [(each["type"], each["offset"]) for each in message["entities"]] == [("bold", 0), ("pre", 112)]


async def test_a_certificate_that_is_not_trusted_is_not_talked_to(tmp_path: Path, keeper: Keeper) -> None:
    pem, key = certificate(tmp_path, "localhost")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem, key)
    with telegram(tls) as chat:
        async with transport_to(chat.settings, keeper) as stranger:
            with pytest.raises(ChannelAway, match="certificate verify failed"):
                await stranger.reach()
        assert chat.act("calls") == {}
        async with transport_to(chat.settings, keeper, ca=pem) as trusting:
            assert (await trusting.reach()).chat == "Operations"


async def test_no_proxy_of_the_environment_is_asked(
    chat: Chat, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with transport_to(chat.settings, keeper) as direct:
        assert (await direct.reach()).chat == "Operations"


async def test_how_it_is_reached_is_told(chat: Chat, transport: TelegramTransport) -> None:
    found = await transport.reach()
    assert (found.bot, found.chat) == ("@clavitor_noc_bot", "Operations")


async def test_a_token_of_nobody_is_told_with_what_mends_it(chat: Chat, keeper: Keeper) -> None:
    async with transport_to(chat.settings, keeper, "4242:" + "x" * 35) as wrong:
        with pytest.raises(TokenRefused, match="noc hub secret set telegram_token"):
            await wrong.reach()


@pytest.mark.parametrize("trouble", ["wrong token", "nobody there", "refused", "no address", "not JSON"])
async def test_no_error_and_no_log_holds_the_token(
    chat: Chat, keeper: Keeper, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings, token = chat.settings, TOKEN
    if trouble == "wrong token":
        token = TOKEN[:-1] + "X"
    elif trouble == "nobody there":
        settings = settings.model_copy(update={"api": "http://127.0.0.1:9"})
    elif trouble == "no address":
        settings = settings.model_copy(update={"api": "http://127.0.0.1:99999"})
    elif trouble == "not JSON":
        settings = settings.model_copy(update={"api": f"{chat.base}/nothing"})
    else:
        chat.refuse("getMe", 400, f"Bad Request: {TOKEN}")
    async with transport_to(settings, keeper, token) as wrong:
        with pytest.raises(NocError) as refused:
            await wrong.reach()
    shown = "".join(traceback.format_exception(refused.value))
    assert token not in shown
    assert token not in repr(wrong)
    log = "\n".join(WithoutSecrets([token]).format(record) for record in caplog.records)
    assert token not in log

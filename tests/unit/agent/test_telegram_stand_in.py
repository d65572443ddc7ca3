"""The stand-in for Telegram's Bot API refuses what the original refuses: seen through the library that the bot uses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from telegram import Bot, BotCommand, InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters, error
from telegram.request import HTTPXRequest

import noc.agent.telegram  # noqa: F401 - sets the library's switches
from telegram_kit import GROUP, TOKEN, Chat, telegram

ANNA = 1001


@pytest.fixture
def chat() -> Iterator[Chat]:
    with telegram() as found:
        yield found


@pytest.fixture
async def a_bot(chat: Chat) -> AsyncIterator[Callable[..., Bot]]:
    """Makes bots, by a token or by ours; their connections end with the test."""
    requests: list[HTTPXRequest] = []

    def made(token: str = TOKEN) -> Bot:
        ask, poll = (HTTPXRequest(httpx_kwargs={"trust_env": False}) for _ in range(2))
        requests.extend((ask, poll))
        return Bot(token, f"{chat.base}/bot", request=ask, get_updates_request=poll)

    yield made
    for each in requests:
        await each.shutdown()


@pytest.fixture
async def bot(a_bot: Callable[..., Bot]) -> Bot:
    return a_bot()


def buttons(data: str) -> InlineKeyboardMarkup:
    return InlineKeyboardMarkup([[InlineKeyboardButton("Begin", callback_data=data)]])


async def press(chat: Chat, bot: Bot) -> str:
    sent = await bot.send_message(GROUP, "a plan", reply_markup=buttons("begin:1"))
    return chat.press(ANNA, "begin:1", sent.message_id)


async def test_a_token_that_is_none_is_not_found(a_bot: Callable[..., Bot]) -> None:
    with pytest.raises(error.InvalidToken, match=r"(?i)Not Found"):
        await a_bot("4242:short").get_me()


async def test_a_token_of_nobody_is_unauthorized(a_bot: Callable[..., Bot]) -> None:
    with pytest.raises(error.InvalidToken, match=r"(?i)Unauthorized"):
        await a_bot("4242:" + "x" * 35).get_me()


async def test_a_method_that_is_none_is_not_found(bot: Bot) -> None:
    with pytest.raises(error.InvalidToken, match=r"(?i)method not found"):
        await bot.unban_chat_member(GROUP, ANNA)


async def test_a_second_poll_ends_the_first(chat: Chat, bot: Bot, a_bot: Callable[..., Bot]) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=20))
    await chat.until(lambda: chat.act("calls").get("getUpdates") == 1)
    second = asyncio.create_task(a_bot().get_updates(timeout=20))
    with pytest.raises(error.Conflict, match=r"(?i)terminated by other getUpdates request"):
        await first
    chat.say(ANNA, "/status", GROUP)
    assert [update.message and update.message.text for update in await second] == ["/status"]


async def test_updates_are_not_read_while_a_webhook_is_set(chat: Chat, bot: Bot) -> None:
    chat.act("webhook", on=True)
    with pytest.raises(error.Conflict, match=r"(?i)webhook is active"):
        await bot.get_updates()
    await bot.delete_webhook()
    assert await bot.get_updates() == ()


async def test_updates_come_again_until_they_are_confirmed(chat: Chat, bot: Bot) -> None:
    chat.say(ANNA, "/status", GROUP)
    seen = [update.update_id for update in await bot.get_updates()]
    assert [update.update_id for update in await bot.get_updates()] == seen
    assert await bot.get_updates(offset=seen[-1] + 1) == ()


async def test_in_a_group_only_commands_to_it_come(chat: Chat, bot: Bot) -> None:
    for text in ("hello", "/status@another_bot", "/status@clavitor_noc_bot"):
        chat.say(ANNA, text, GROUP)
    updates = await bot.get_updates()
    assert [update.message and update.message.text for update in updates] == ["/status@clavitor_noc_bot"]


async def test_a_chat_that_it_does_not_know_is_not_found(bot: Bot) -> None:
    with pytest.raises(error.BadRequest, match=r"(?i)chat not found"):
        await bot.send_message(77, "hello")


@pytest.mark.parametrize("words", ["bot was blocked by the user", "bot was kicked from the supergroup chat"])
async def test_where_it_was_put_out_it_says_nothing(chat: Chat, bot: Bot, words: str) -> None:
    chat.act("chat", id=GROUP, forbidden=words)
    with pytest.raises(error.Forbidden, match=words):
        await bot.send_message(GROUP, "hello")


async def test_a_group_that_became_a_supergroup_is_another_chat(chat: Chat, bot: Bot) -> None:
    chat.act("chat", id=GROUP, moved_to=-1009)
    with pytest.raises(error.ChatMigrated) as refused:
        await bot.send_message(GROUP, "hello")
    assert refused.value.new_chat_id == -1009


@pytest.mark.parametrize(("length", "ok"), [(4096, True), (4097, False)])
async def test_a_text_has_4096_characters_at_most(bot: Bot, length: int, ok: bool) -> None:
    if ok:
        assert await bot.send_message(GROUP, "x" * length)
        return
    with pytest.raises(error.BadRequest, match=r"(?i)message is too long"):
        await bot.send_message(GROUP, "x" * length)


async def test_a_text_of_blanks_is_empty(bot: Bot) -> None:
    with pytest.raises(error.BadRequest, match=r"(?i)message text is empty"):
        await bot.send_message(GROUP, " \n ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<script>x</script>", 'Unsupported start tag "script" at byte offset 0'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", "Unmatched end tag at byte offset 4"),
        ("<b", "Unclosed start tag at byte offset 0"),
    ],
)
async def test_html_that_is_none_cannot_be_parsed(bot: Bot, text: str, words: str) -> None:
    with pytest.raises(error.BadRequest) as refused:
        await bot.send_message(GROUP, text, parse_mode="HTML")
    assert f"can't parse entities: {words}".lower() in str(refused.value).lower()


@pytest.mark.parametrize(("data", "ok"), [("x" * 64, True), ("x" * 65, False), ("é" * 33, False)])
async def test_a_buttons_data_have_64_bytes_at_most(bot: Bot, data: str, ok: bool) -> None:
    if ok:
        assert await bot.send_message(GROUP, "a plan", reply_markup=buttons(data))
        return
    with pytest.raises(error.BadRequest, match=r"(?i)BUTTON_DATA_INVALID"):
        await bot.send_message(GROUP, "a plan", reply_markup=buttons(data))


async def test_an_edit_that_changes_nothing_is_refused(bot: Bot) -> None:
    sent = await bot.send_message(GROUP, "1 of 3", reply_markup=buttons("x"))
    with pytest.raises(error.BadRequest, match=r"(?i)message is not modified"):
        await bot.edit_message_text("1 of 3", GROUP, sent.message_id, reply_markup=buttons("x"))


async def test_a_message_that_is_gone_cannot_be_edited(chat: Chat, bot: Bot) -> None:
    sent = await bot.send_message(GROUP, "1 of 3")
    chat.act("delete", chat=GROUP, message=sent.message_id)
    with pytest.raises(error.BadRequest, match=r"(?i)message to edit not found"):
        await bot.edit_message_text("2 of 3", GROUP, sent.message_id)


async def test_another_ones_message_cannot_be_edited(chat: Chat, bot: Bot) -> None:
    number = chat.say(ANNA, "/status", GROUP)
    with pytest.raises(error.BadRequest, match=r"(?i)message can't be edited"):
        await bot.edit_message_text("mine", GROUP, number)


async def test_an_edit_that_is_too_long_is_refused(bot: Bot) -> None:
    sent = await bot.send_message(GROUP, "1 of 3")
    with pytest.raises(error.BadRequest, match=r"(?i)MESSAGE_TOO_LONG"):
        await bot.edit_message_text("x" * 4097, GROUP, sent.message_id)


async def test_an_answer_to_a_message_that_is_gone_is_refused(bot: Bot) -> None:
    with pytest.raises(error.BadRequest, match=r"(?i)message to be replied not found"):
        await bot.send_message(GROUP, "hello", reply_parameters=ReplyParameters(99))


async def test_a_press_is_answered_once(chat: Chat, bot: Bot) -> None:
    query = await press(chat, bot)
    assert await bot.answer_callback_query(query, "approved")
    with pytest.raises(error.BadRequest, match=r"(?i)query is too old"):
        await bot.answer_callback_query(query, "approved")


async def test_a_press_that_is_old_cannot_be_answered(chat: Chat, bot: Bot) -> None:
    query = await press(chat, bot)
    chat.act("age")
    with pytest.raises(error.BadRequest, match=r"(?i)query is too old"):
        await bot.answer_callback_query(query, "approved")


async def test_an_answer_to_a_press_has_200_characters_at_most(chat: Chat, bot: Bot) -> None:
    with pytest.raises(error.BadRequest, match=r"(?i)MESSAGE_TOO_LONG"):
        await bot.answer_callback_query(await press(chat, bot), "x" * 201)


async def test_a_group_takes_twenty_messages_a_minute(bot: Bot) -> None:
    for number in range(20):
        await bot.send_message(GROUP, f"{number}")
    with pytest.raises(error.RetryAfter):
        await bot.send_message(GROUP, "one too many")


async def test_a_person_takes_more(chat: Chat, bot: Bot) -> None:
    chat.say(ANNA, "/start")
    sent = [await bot.send_message(ANNA, f"{number}") for number in range(25)]
    assert len(sent) == 25


async def test_a_refusal_is_made_on_demand(chat: Chat, bot: Bot) -> None:
    chat.refuse("sendMessage", 429, "Too Many Requests: retry after 3", retry_after=3)
    with pytest.raises(error.RetryAfter):
        await bot.send_message(GROUP, "hello")
    assert await bot.send_message(GROUP, "hello")


@pytest.mark.parametrize("name", ["Status", "two words", "x" * 33])
async def test_a_commands_name_is_held_to_its_form(bot: Bot, name: str) -> None:
    with pytest.raises(error.BadRequest, match=r"(?i)BOT_COMMAND_INVALID"):
        await bot.set_my_commands([BotCommand(name, "x")])

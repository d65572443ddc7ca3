"""`[telegram]`, `[discord]`, `[agent]`: where people talk to the fleet, and which model answers them.

Tokens never stand here: they lie in HQ's credentials as `telegram_token`, `discord_token` and `model_key`.
"""

from typing import Annotated

from pydantic import Field

from noc.fleet.part import Part

HttpsUrl = Annotated[str, Field(pattern=r"^https?://[!-z]+$", max_length=500)]
Snowflake = Annotated[int, Field(gt=0, lt=2**63)]
"""Discord's ids (https://docs.discord.com/developers/reference#snowflakes)."""


class Telegram(Part):
    """The bot at Telegram.

    Attributes:
        chat: the group in which requests, runs and briefings are told; people may talk to the bot alone as well.
        api: the Bot API's base address, without the token (https://core.telegram.org/bots/api).
        ca_root: a certificate to trust instead of the system's, relative to the fleet directory.
    """

    chat: Annotated[int, Field(gt=-(2**52), lt=2**52)]
    api: HttpsUrl = "https://api.telegram.org"
    ca_root: str | None = None


class Discord(Part):
    """The bot at Discord.

    Attributes:
        guild: the server that the bot's commands are offered on.
        channel: where requests, runs and briefings are told.
        api: the HTTP API's base address with its version (https://docs.discord.com/developers/reference#api-reference).
        ca_root: as Telegram's.
    """

    guild: Snowflake
    channel: Snowflake
    api: HttpsUrl = "https://discord.com/api/v10"
    ca_root: str | None = None


class Agent(Part):
    """The model behind the agent: any endpoint that speaks OpenAI's chat completions.

    Attributes:
        api: its base address, such as https://api.fireworks.ai/inference/v1.
        model: the model's id there.
        context: tokens that it takes.
        answer: tokens that it gives at most.
    """

    api: HttpsUrl = "https://api.fireworks.ai/inference/v1"
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9._/:-]{1,200}$")] = "accounts/fireworks/models/minimax-m2p5"
    context: Annotated[int, Field(ge=8_192, le=10_000_000)] = 196_608
    answer: Annotated[int, Field(ge=256, le=1_000_000)] = 8_192

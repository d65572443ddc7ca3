"""Telegram: the bot's way there and back, over its Bot API (https://core.telegram.org/bots/api)."""

import os

# The library's switch to its coming form of durations; without it each pause that the API asks for is a warning.
os.environ.setdefault("PTB_TIMEDELTA", "true")

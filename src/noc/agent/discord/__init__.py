"""Discord as a channel of the bot: slash commands and buttons of one guild (https://docs.discord.com/developers)."""

import warnings

with warnings.catch_warnings():  # the library brings voice with it, and with that a module that Python 3.13 has not
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    import discord  # noqa: F401

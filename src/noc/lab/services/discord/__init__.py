"""A stand-in for Discord: the parts of its HTTP API (version 10) and of its gateway that a bot of a guild needs.

What it refuses is what the original refuses (https://docs.discord.com/developers/reference). The side entrance, below
`/_stand-in/`: `GET` of `messages`, `commands`, `interactions` and `gateway` shows what was sent; `POST` of `slash` and
`press` acts as a person, of `trouble` brings trouble (`side_entrance.py` says what each takes).
"""

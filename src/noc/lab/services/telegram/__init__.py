"""A stand-in for Telegram's Bot API (https://core.telegram.org/bots/api): what the bot uses of it, and what it refuses.

Beside `/bot<token>/<method>` there is the side entrance, `/_stand-in/<word>`, where a test acts as the people: `say`,
`press`, `chat`, `delete`, `refuse`, `webhook`, `age`, `update`; `messages`, `answers`, `commands` and `calls` show
what the bot did.
"""

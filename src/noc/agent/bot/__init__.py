"""The bot that needs no model: what people say in a chat becomes a verb, whatever the chat is."""

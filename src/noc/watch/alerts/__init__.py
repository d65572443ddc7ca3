"""How people hear of it: messages, the durable outbox, the channels."""

"""Short texts for people in chats, made from documents of the runner and the watch."""

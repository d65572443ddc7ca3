"""People and a model operate the fleet from chat: verbs, the MCP server, the bots, the OpenClaw kit."""

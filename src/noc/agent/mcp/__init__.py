"""The MCP server: the verbs as tools for a model, over standard input and output."""

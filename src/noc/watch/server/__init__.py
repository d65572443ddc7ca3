"""The process: listeners, their bounds, and the client that commands use."""

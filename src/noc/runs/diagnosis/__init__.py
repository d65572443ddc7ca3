"""What an operator asks a node: logs, a shell, commands, and why a path to it does not work."""

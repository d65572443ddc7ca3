"""Who asks, and what they may: callers, roles, sessions, keys."""

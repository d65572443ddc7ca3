"""HQ judges itself: its own telemetry, its way out, and a sign of life to somebody outside."""

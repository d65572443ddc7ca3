"""The server on HQ: heartbeats in, incidents and alerts out, one page."""

"""The local JSON API."""

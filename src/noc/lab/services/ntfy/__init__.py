"""A stand-in for an ntfy server (https://docs.ntfy.sh/publish/): what HQ uses of it, and what it refuses."""

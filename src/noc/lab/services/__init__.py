"""Stand-ins for services of the internet: ntfy, Telegram, Discord, a model; each a package with a program of its own.

They use the standard library and each other alone, because the lab copies this directory to its internet machine, where
nothing else of noc is. Everything is kept in memory, and bounded. What each refuses is what the original refuses:
docs/lab.md (ntfy) and docs/stand-ins.md list it, with its source and the test that provokes it.
"""

from typing import Final

SIDE_ENTRANCE: Final = "/_stand-in/"
"""Where each lets a test act as the people, and see what was sent; the original has nothing there."""
KEPT: Final = 10_000
"""How many things of one kind are kept; the oldest go first."""

"""What one connection, one address and all of them together may take, in seconds, bytes and counts."""

from typing import Final

MAX_HEAD: Final = 64 * 1024
HEAD_DEADLINE_S: Final = 10.0
BODY_DEADLINE_S: Final = 5.0
ANSWER_DEADLINE_S: Final = 10.0
KEEP_ALIVE_S: Final = 90.0
"""A pusher every 30 s, and one every 75 s behind a proxy, stay connected."""

LINGER_S: Final = 2.0
"""So long a connection that ends early is still read: a peer that is cut off while it sends loses the answer."""

MOST_LEFT_UNREAD: Final = 1_000_000
MOST_PIPELINED: Final = 16
MOST_OF_ONE_ADDRESS: Final = 64
MOST_CONNECTIONS: Final = 4_000
STOP_WITHIN_S: Final = 3.0

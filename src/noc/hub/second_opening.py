"""The second place that the fleet file names, whichever kind it is of."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noc.fleet.backing import Second
from noc.hub.second import Directory, Place


@contextmanager
def opened(second: Second, key: Path) -> Iterator[Place]:
    """The second place that the fleet file names, open while the body lasts.

    Args:
        second: `[backup.second]`.
        key: our private key for it, where it is behind SFTP.

    Raises:
        SecondAbsent: it cannot be reached, or is another machine than the one that was named.
    """
    if second.host is None:
        yield Directory(Path(second.path))
        return
    from noc.hub.second_sftp import connected  # noqa: PLC0415 - asyncssh takes long to load

    with connected(second, key) as place:
        yield place

"""What can fail in the watch, E6xx."""

from noc.errors import NocError


class CannotListen(NocError):
    """The watch could not open one of its two listeners: the address is taken, or its directory is missing."""

    code = "E601"


class StoreTrouble(NocError):
    """The watch's database could not be written. Pushes are answered 503 until it can, so that nodes push again."""

    code = "E602"


class WatchUnreachable(NocError):
    """The watch's local listener did not answer: the server is not running, or another socket is meant."""

    code = "E603"


class WatchRefused(NocError):
    """The watch answered, but not with what was asked for."""

    code = "E604"


class BadListener(NocError):
    """A listener is written as ADDRESS:PORT, or as unix:PATH; the local one may use the loopback address only."""

    code, exit_code = "E605", 2


class NoSuchFolder(NocError):
    """The directory that should hold the watch's database does not exist, or this user may not write in it."""

    code, exit_code = "E606", 6


class BadRequest(NocError):
    """A request to the watch's local listener says something that it cannot act on."""

    code, exit_code = "E607", 2

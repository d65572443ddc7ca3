"""What can be wrong with the tunnel and its keys: E2xx."""

from noc.errors import NocError, TimedOut


class BadKey(NocError):
    """A WireGuard key is not 32 bytes in base64, as `wg genkey` and `wg pubkey` print them."""

    code = "E201"


class TunnelsUnreadable(NocError):
    """The tunnel's counters could not be read: the socket /run/noc-tunnels.sock is missing, or what it answered is
    not what `wg show` prints."""

    code = "E202"


class TunnelsSilent(TimedOut):
    """The socket of the tunnel's counters accepted the connection and did not answer in time."""

    code = "E203"

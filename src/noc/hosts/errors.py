"""What can go wrong between HQ and one machine (E3xx).

HostError
├── HostKeyMismatch     the machine is not the one that was meant
├── NoTrust             nothing says which host key to expect
├── Unreachable         refused, no route, no answer, no such name
├── AuthRefused         the machine does not accept our key
├── KeyUnusable         our own private key cannot be used
├── CommandFailed       a command ended with another status than 0
│   └── DiskFull        no room for a file
├── ConnectionLost      the way to the machine broke
├── Unclear             the machine answered something that makes no sense
├── TunnelRefused       the running tunnel did not carry with another configuration
├── ClosureMissing      no NixOS closure was built for the node
│   ├── LockMissing     nixpkgs is not pinned
│   └── BuildFailed     its system could not be evaluated or built
└── ActivationRefused   the activator says no, with a code of its own
Overdue                 no end within the deadline
UnknownPlatform         no platform of that name
"""

from noc.errors import NocError, NotFound, TimedOut
from noc.hosts.shell import Result


class HostError(NocError):
    """Something failed on the way to one machine, or on it. The message names the machine."""

    code = "E300"


class HostKeyMismatch(HostError):
    """The machine that answered did not prove to be the one that was meant. Nothing was sent to it.

    No user name, no key. Either the address is wrong, or somebody stands in between, or the machine was installed
    anew. Compare the fingerprint with the machine's console before you trust another one.
    """

    code = "E301"


class NoTrust(HostError):
    """Nothing says which host key the machine must show, and there is no accepting of whatever comes.

    Read the fingerprint on the machine's console (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`) and give it as
    `--host-key SHA256:…`.
    """

    code = "E302"


class Unreachable(HostError):
    """No SSH server answered at the address: the connection was refused, there is no route, or no answer came in time.

    Refused: the machine is up and nothing listens there, or its firewall rejects us. No answer: it is off, the address
    is wrong, or a firewall drops us.
    """

    code = "E303"


class AuthRefused(HostError):
    """The machine is the right one, and it does not accept HQ's key for this user."""

    code = "E304"


class CommandFailed(HostError):
    """A command on the machine ended with a status other than 0. The message ends with what it wrote last."""

    code = "E305"

    def __init__(self, what: str, *, result: Result, why: str = "", fix: str = "") -> None:
        """Keep the result beside the sentences; without `why`, the last line of the error output is the cause."""
        super().__init__(what, why=why or _last_words(result), fix=fix)
        self.result = result


class ConnectionLost(HostError):
    """The connection broke in the middle of a command. What the command did is not known; ask the machine again."""

    code = "E306"


class Overdue(TimedOut):
    """A command on a machine did not end within its deadline. It was told to stop; what it did is not known."""

    code = "E307"


class DiskFull(CommandFailed):
    """The machine has no room for a file that was to be put there. Nothing was changed."""

    code = "E308"


class KeyUnusable(HostError):
    """HQ's own private key is missing, readable by others than its owner, or not a private key."""

    code, exit_code = "E309", 6


class Unclear(HostError):
    """The machine answered in a way that makes no sense, for example because a program there is of another version."""

    code = "E310"


class UnknownPlatform(NotFound):
    """The fleet file names a platform that this version does not know."""

    code = "E311"


class ClosureMissing(HostError):
    """No NixOS system was built for this node. It is built away from the node, and pushed."""

    code = "E312"


class LockMissing(ClosureMissing):
    """The fleet directory has no lock of nixpkgs, so nothing says of which NixOS the nodes are to be made.

    The lock is made on the real HQ, once, and belongs to the fleet directory's history; `noc os-update` makes every
    later one.
    """

    code = "E315"


class BuildFailed(ClosureMissing):
    """A node's NixOS system could not be evaluated, built, or brought to HQ. Nothing was sent to the node.

    Killed by a signal, an evaluation had not the memory that it needs: 0.7 GB for one node, bounded by
    `nixos.memory_mb`. A failed assertion or a misspelt option ends with 1, and its last words say which.
    """

    code = "E316"


class ActivationRefused(HostError):
    """The node's activator refused, before anything changed. Its own code is part of the message.

    `fence`: a younger run has acted on this node since. `busy`: another activation is under way. `unsigned`,
    `untrusted`, `signature`, `content`, `manifest`: the release is not what a trusted signer signed. `expired`, `old`:
    it was, but not for a node that does not know it. `disk`: no room for the snapshot of the database. `snapshot`: it
    could not be taken, or is damaged. `no-snapshot`: the data are to be those of an older release, and no snapshot is
    left from when it ran. `late`: the order waited too long for its go. `ended`: the process that waited is gone.
    `reverted`: it was taken back before it began. `missing`: there is no release that could run. `config`,
    `path`: the configuration is not what was staged, or has a file where none of ours lies. `connection`: a new
    configuration is confirmed over a connection that was made under it, since one from before proves nothing. `set`:
    the packages that are installed, or that the archive has, are not those that the plan named. `apt`: the node's
    packaging tools refuse, in their own words.
    """

    code = "E313"

    def __init__(self, what: str, *, reason: str, why: str = "", fix: str = "") -> None:
        """Keep the activator's code as `reason`."""
        super().__init__(what, why=why, fix=fix)
        self.reason = reason


class TunnelRefused(HostError):
    """A node whose tunnel runs was given another configuration, and no handshake came with it.

    The tunnel may be the only way to the node, so the node tries a new configuration by itself for half a minute, and
    goes back to the old one. Nothing is left changed.
    """

    code = "E314"


def _last_words(result: Result) -> str:
    lines = [line.strip() for line in (result.stderr or result.stdout).splitlines() if line.strip()]
    said = "".join(char for char in lines[-1] if char.isprintable())[:300] if lines else "it said nothing"
    return f"status {result.status}, {said}"

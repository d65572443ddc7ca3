"""What can go wrong with HQ itself: one class a cause, E801 to E829."""

from noc.errors import NocError


class AlreadyMade(NocError):
    """`noc init` makes identities once. Making them again would orphan every backup and release made with the old."""

    code, exit_code = "E801", 2


class KeyNotMade(NocError):
    """`ssh-keygen` could not make a key pair."""

    code = "E802"


class UnsupportedHost(NocError):
    """HQ runs Debian 12 or newer, or Ubuntu 24.04 or newer, with systemd. This machine is something else."""

    code = "E803"


class NoFleet(NocError):
    """The fleet directory is missing or holds no fleet.toml. HQ cannot be installed without knowing its own fleet."""

    code, exit_code = "E804", 6


class NoTrust(NocError):
    """The public halves that `noc init` made, `signers` and `recipients`, are not where they were looked for."""

    code, exit_code = "E805", 6


class StepFailed(NocError):
    """A step of HQ's installation failed. What was done before stays; running it again goes on from there."""

    code = "E806"


class BadPeers(NocError):
    """The list of tunnel peers holds something that root must not apply.

    The runner writes the list and root applies it, so root checks it: each peer owns exactly one address, inside the
    tunnel's network, not the hub's own and nobody else's; and nothing but peers stands in the file.
    """

    code = "E807"


class BadRoot(NocError):
    """`acme.ca_root` of the fleet file must name a file of PEM certificates inside the fleet directory.

    The runner may write the fleet file and root reads it, so that root takes certificates out of that file and nothing
    else: otherwise a name would be enough to have any file of HQ published.
    """

    code, exit_code = "E810", 6


class NixTooOld(NocError):
    """No Nix that is new enough for NixOS 25.11 to 26.11 can be had from HQ's distribution.

    HQ needs none where another machine builds, or where systems are brought: see [nixos] in the fleet file.
    """

    code, exit_code = "E811", 6


class EmulationMissing(NocError):
    """HQ has another architecture than its nodes, and its kernel does not run their programs.

    Nearly everything comes from the public cache; the few small parts of a node's own have to be built, by emulation.
    """

    code, exit_code = "E812", 6


class UnknownSecret(NocError):
    """HQ keeps only secrets that a unit reads. No unit reads one of that name."""

    code, exit_code = "E808", 2


class BadSecret(NocError):
    """A secret is one line of printable characters, at most 4,096 of them, given on standard input."""

    code, exit_code = "E809", 2

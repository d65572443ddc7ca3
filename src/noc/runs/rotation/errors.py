"""What can keep a secret from being made anew. Codes E760 to E766 and E785 to E788."""

from typing import ClassVar

from noc.errors import NocError


class NoNewKey(NocError):
    """HQ has no new key beside the one in use, so there is nothing to bring to the nodes.

    `sudo noc rotate ssh` and `sudo noc rotate ca` make it as root, beside the old one, and hand it to the runner. Where
    somebody else begins the run, that command has to have been given first.
    """

    code, exit_code = "E760", 6


class RotationUnsettled(NocError):
    """An earlier rotation is not through: a node still needs the key from before, which another one would push out.

    `noc doctor` names the node. It is caught up by itself once it is back; one that never comes back is taken out with
    `noc remove`.
    """

    code, exit_code = "E761", 7


class TokenUnproven(NocError):
    """A node was not heard under its new push token in time. The watch takes pushes with either, so none is lost.

    Give the command again: it looks which token the node holds, and goes on from there.
    """

    code: ClassVar[str] = "E762"


class StillAccepted(NocError):
    """What was withdrawn still counts on a node: it lets the old SSH key in, or shows another certificate than the new.

    Some other file there names it: a line in another AuthorizedKeysFile of sshd's, or a HostCertificate elsewhere.
    """

    code: ClassVar[str] = "E763"


class NoNextKey(NocError):
    """HQ has no tunnel key beside the one in use, and every node has that one: there is nothing to switch to.

    `sudo noc rotate hub` makes it as root. Its private half stays in /etc/noc-credentials, and only root brings it into
    the tunnel.
    """

    code, exit_code = "E764", 6


class SwitchUndone(NocError):
    """A node did not follow HQ to its new tunnel key in time, so HQ went back to the old one, and all nodes with it.

    No node was cut off: each knows both keys, and carries by the one that HQ has. The new key is still there, so that
    the same command tries again.
    """

    code: ClassVar[str] = "E765"


class RootSilent(NocError):
    """What only root does on HQ did not happen: `noc-peers` keeps HQ's tunnel keys, and brings one into the tunnel.

    Without it nothing is switched, and a trial that it has begun ends by itself.
    """

    code, exit_code = "E766", 8


class TooFew(NocError):
    """It would leave too few: releases need one signer, and backups two recipients, so that one lost key loses nothing.

    Add the new one first, then withdraw the old one.
    """

    code, exit_code = "E785", 6


class NoSuchMember(NocError):
    """The list of trust does not hold what is to be withdrawn, or holds already what is to be added."""

    code, exit_code = "E786", 4


class NothingSigned(NocError):
    """No release in the store is signed by a signer that would remain, so nothing could be deployed anew afterwards.

    Sign one with the new key on the operator's machine (`noc release sign`), bring it with `noc release add`, and then
    withdraw the old signer. Each node proves with it that it takes the new one.
    """

    code, exit_code = "E787", 6


class NotAKey(NocError):
    """What is to be added is no public key of the right kind: one OpenSSH line of a signer, or `age1…` of a recipient.

    A private half is never given to HQ.
    """

    code, exit_code = "E788", 2

"""What can go wrong when a run is to be gone on with. Codes E555, E557 to E559."""

from noc.errors import NocError


class NotResumable(NocError):
    """This run is not one that can be gone on with.

    What can is a rollout that was cut, halted, or ended before it had reached every node. A run that is under way is
    followed instead, one in which a node failed needs another release or a mended node first, and a provisioning or a
    rotation of keys is simply given again: each of its steps looks first.
    """

    code, exit_code = "E555", 2

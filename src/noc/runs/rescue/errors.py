"""What can go wrong with a rescue or a move: E580 to E584 (E583 is a plan's own: `noc.runs.errors.HubElsewhere`).

NocError
├── LockShut      E580
├── DoorLeftOpen  E581
└── NotMoved      E582
"""

from noc.errors import NocError, TimedOut


class LockShut(TimedOut):
    """Nobody could be reached at 22 of a node's public address within the time in which its own lock opens.

    Two keys turn one lock. The node lets `hub.rescue` in once it has heard nothing of HQ for `rescue_after`; a machine
    that was started in the meantime begins to count anew, and one that never got the setting does not open at all. The
    cloud's security group lets HQ in while `noc rescue` holds the rule; where HQ has no credentials for the cloud, or
    the machine is none of its own, that rule is a person's to make.
    """

    code = "E580"


class DoorLeftOpen(NocError):
    """The cloud's rule for 22 could not be withdrawn after a rescue. It lets in HQ's address alone.

    The runner has written down that it stands, and tries again every minute, after a restart, too. At the cloud's
    console it is the rule for port 22 in the node's security group.
    """

    code = "E581"


class NotMoved(NocError):
    """What answers at a node's new public address is not the machine that its tunnel leads to; nothing was changed.

    The process that pushes through the tunnel must answer in public, too, for the node's own name and certificate. A
    machine that is another one is made a node by `noc provision NODE --ip ADDRESS --host-key SHA256:…`.
    """

    code = "E582"

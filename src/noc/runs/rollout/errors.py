"""What can go wrong in a rollout. Codes E545 to E554, of the system's packages E560 to E569."""

from noc.errors import NocError


class NothingBefore(NocError):
    """The node has no release to go back to: it has itself proven none with a lower build than the one it runs.

    A rollback never goes forward, and never to a release that this very node has not run well before. Deploy a new
    release instead, or provision the node anew.
    """

    code, exit_code = "E545", 7


class NotAsConfirmed(NocError):
    """A run that was cut is gone on with, and a node that it had confirmed does not run what it was confirmed with.

    Something else has changed the node since, another run perhaps: `noc run list` shows them. Nothing was done to it.
    Give the run's command again for a new plan, if that is still what you want.
    """

    code, exit_code = "E546", 7


class NotAsPlanned(NocError):
    """The configuration that is rendered for a node now is another one than its plan was made for.

    The fleet file, or HQ's own keys, were changed in between. Give the command again: the runner then makes a new plan.
    """

    code, exit_code = "E547", 7


class SystemNotPlanned(NocError):
    """The node could not be asked for its packages when the plan was made, so nobody has agreed to any for it.

    Nothing was done to it. Give the command again once it is back: the runner then plans what its archive offers.
    """

    code, exit_code = "E561", 7

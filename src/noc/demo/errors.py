"""What can go wrong in the demo: E9xx."""

from noc.errors import NocError, TimedOut


class ProcessDied(NocError):
    """A process of the demo ended by itself. The last lines that it wrote are in the message."""

    code = "E901"


class StoryStalled(TimedOut):
    """The next event of the demo's story did not happen in time: this machine may be too busy for 21 processes."""

    code = "E902"

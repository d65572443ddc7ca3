"""What can keep somebody from looking into a node, or from working on it: E770 to E779."""

from noc.errors import NocError, NotFound, NotPermitted, TimedOut, Usage


class LookRefused(NotPermitted):
    """Logs, commands and shells on nodes are for operators and approvers.

    Logs may hold secrets of the service's users, and a command or a shell runs as root. A viewer looks at the watch's
    pages; an agent asks for a run, to which somebody agrees.
    """

    code = "E770"


class NodeInHand(NocError):
    """A run that is under way has that node in its plan: a command in between could break its proof, or be undone."""

    code, exit_code = "E771", 7


class BadCommand(Usage):
    """A command line that cannot be carried to a node: it is empty, too long, or holds a zero byte."""

    code = "E772"


class NoTerminal(Usage):
    """A shell needs a terminal on both sides: what is piped into it would be typed blindly. A command needs none."""

    code = "E773"


class TooManyTalks(NocError):
    """So many shells, logs and commands are open at the runner that it opens no further one."""

    code, exit_code = "E774", 7


class BadTalk(NocError):
    """The client said something in the middle of a shell that makes no sense there, or too much of it at once."""

    code, exit_code = "E775", 2


class ShellIdle(TimedOut):
    """Nobody typed anything for so long that the shell was ended: a root's shell is not left open behind somebody."""

    code = "E776"


class BadWish(Usage):
    """A unit's name, a pattern, a time or a number that journals cannot be asked for."""

    code = "E777"


class NothingToReach(NotFound):
    """The node has no address and no tunnel key yet: there is no way to it whose state could be explained."""

    code = "E779"

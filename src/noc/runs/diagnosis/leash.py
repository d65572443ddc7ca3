"""A command on a node that does not outlive whoever asked for it.

Without a terminal, sshd leaves a program alone whose channel was closed. So it is started by a small one that holds its
standard input, on which nothing ever comes: once that ends, however the channel ended, the program and all that it has
started are told to end. The text goes along with the command, so that it needs nothing of ours on the node.
"""

LATE = 124
"""Exit status of what ran out of time, as timeout(1) has it."""

_PROGRAM = """
import os, select, signal, subprocess, sys
within, argv = float(sys.argv[1]) or None, sys.argv[2:]
try:
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True)
except OSError as error:
    print(f"{argv[0]}: {error.strerror}", file=sys.stderr)
    sys.exit(127 if isinstance(error, FileNotFoundError) else 126)
over = os.pidfd_open(child.pid)
if over not in select.select([0, over], [], [], within)[0]:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        if select.select([over], [], [], 3)[0]:
            break
    child.wait()
    sys.exit(124)
status = child.wait()
sys.exit(status if status >= 0 else 128 - status)
"""


def leashed(argv: tuple[str, ...], within_s: float = 0) -> tuple[str, ...]:
    """The command line that runs another one, word by word as it is, until it ends, its time is over, or we are gone.

    Args:
        argv: the program and its arguments; no shell reads them.
        within_s: seconds that it may take, 0 for no limit; beyond it the status is LATE.
    """
    return ("python3", "-I", "-S", "-c", _PROGRAM, f"{within_s:g}", *argv)

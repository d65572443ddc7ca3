"""What a down push says, in words. The helper on the node sends systemd's EXIT_CODE-EXIT_STATUS as the message."""

import re

_DEATH = re.compile(r"(exited|killed|dumped)-([A-Z0-9]{1,12})")
_MEANING = {
    "KILL": "killed at once, by a person or for want of memory",
    "TERM": "asked to stop by somebody other than systemd",
    "SEGV": "touched memory that is not its own",
    "ABRT": "gave up by itself",
    "BUS": "its memory or its file went away",
    "XCPU": "used up its processor time",
}


def death_in_words(msg: str) -> str:
    """The cause of a death, for a person: `killed-KILL` names the signal, `exited-3` the exit code.

    Args:
        msg: the down push's message, at most 2,000 characters; any other text is quoted, cut to 200.
    """
    found = _DEATH.fullmatch(msg)
    if found is None:
        return f"the pusher reports: {msg[:200]}" if msg not in {"", "OK"} else "the pusher reports down"
    how, status = found.groups()
    if how == "exited":
        return f"the service exited with code {status}"
    core = ", leaving a core dump" if how == "dumped" else ""
    meaning = f" ({_MEANING[status]})" if status in _MEANING else ""
    return f"the service was killed by SIG{status}{meaning}{core}"

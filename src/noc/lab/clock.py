"""A machine whose clock is wrong: machines of a lab share their kernel's clock, so datefudge stands between.

Named in /etc/ld.so.preload, with the environment that systemd and sshd give to all that they start, it answers every
dynamically linked program that asks libc for the time of day: units, logins, the service, the activator. What asks the
kernel itself (Go: the proxy, the tunnel in userspace) and the machine's first process keep the right time.

It leaves the monotonic clock alone, by which all deadlines are kept, as on a real machine whose clock is set wrong.
That is why it is not libfaketime: told to leave that clock alone, 0.9.10 still moves sleeps until a moment of it
(time.sleep of Python 3.11) by the offset, so that a program fails or sleeps for an hour where no real one would.
"""

import re
from pathlib import Path

from noc.errors import Usage

PACKAGE = "datefudge"
MAX_OFFSET_S = 30 * 86400

_OFFSET = re.compile(r"([+-])(\d{1,7})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_VARIABLE = "/etc/noc-lab-clock"
_FILES = {
    _VARIABLE: "{variable}\n",
    "/etc/systemd/system.conf.d/noc-lab-clock.conf": "[Manager]\nDefaultEnvironment={variable}\n",
    "/etc/ssh/sshd_config.d/noc-lab-clock.conf": "SetEnv {variable}\n",
    "/etc/ld.so.preload": "$library\n",
}
_INSTALL = f"""
found() {{ dpkg-query -L {PACKAGE} 2>/dev/null | grep '/datefudge[.]so$'; }}
found >/dev/null || {{
  apt-get -q update
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install {PACKAGE}
}} >&2
library=$(found)
"""


def parse_offset(text: str) -> int:
    """Seconds that a clock is to be ahead: `+1h`, `-90m`, `+30s`, `0`. Raises Usage."""
    found = _OFFSET.fullmatch(text)
    seconds = int(found[2]) * _SECONDS[found[3]] * (1 if found[1] == "+" else -1) if found else 0
    if (found is None and text != "0") or abs(seconds) > MAX_OFFSET_S:
        raise Usage(f"{text[:32]} is no offset of a clock", fix="give +1h, -90m, +30s, or 0 for the right time")
    return seconds


def script(seconds: int) -> str:
    """The shell script that sets a machine's clock wrong, or right with 0, for all that is started after its next boot.

    Args:
        seconds: how far it is to be ahead.
    """
    if not seconds:
        return f"rm -f {' '.join(_FILES)}\n"
    lines = [_INSTALL]
    for path, text in _FILES.items():
        content = text.replace("{variable}", f"DATEFUDGE={-seconds}")
        lines.append(f'mkdir -p "{path.rpartition("/")[0]}"; printf %s "{content}" >"{path}"\n')
    return "".join(lines)


def environment(disk: Path) -> tuple[str, ...]:
    """What a command at a machine's console gets, so that it lives by the machine's time, too.

    Args:
        disk: the machine's root directory.
    """
    file = disk / _VARIABLE.lstrip("/")
    return (file.read_text().strip(),) if file.exists() else ()

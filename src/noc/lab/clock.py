"""A machine whose clock is wrong: machines of a lab share their kernel's clock, so libfaketime stands between.

Named in /etc/ld.so.preload it answers every dynamically linked program that asks libc for the time: systemd's units,
sshd's children, the service, the activator. What asks the kernel itself (Go: the proxy, the tunnel in userspace) and
the machine's first process keep the right time. Its monotonic clock, by which all deadlines are kept, stays the
kernel's, as on a real machine whose clock is set wrong.
"""

import re

from noc.errors import Usage

PACKAGE = "libfaketime"
ENVIRONMENT = ("FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DISABLE_SHM=1")
"""libfaketime(1): without them it would move deadlines, too, and leave a file for each process in /dev/shm."""
MAX_OFFSET_S = 30 * 86400

_OFFSET = re.compile(r"([+-])(\d{1,7})([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
# The library is found through a link that the boot makes: the first process, started before it, is left alone.
_LINK = "/run/noc-lab-clock"
_FILES = {
    "/etc/tmpfiles.d/noc-lab-clock.conf": f"L+ {_LINK} - - - - {{library}}\n",
    "/etc/systemd/system.conf.d/noc-lab-clock.conf": f"[Manager]\nDefaultEnvironment={' '.join(ENVIRONMENT)}\n",
    "/etc/ssh/sshd_config.d/noc-lab-clock.conf": f"SetEnv {' '.join(ENVIRONMENT)}\n",
    "/etc/faketimerc": "{seconds:+d}\n",
    "/etc/ld.so.preload": f"{_LINK}\n",
}
_INSTALL = f"""
found() {{ dpkg-query -L {PACKAGE} 2>/dev/null | grep '/libfaketime[.]so[.]1$'; }}
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
        content = text.replace("{library}", "$library").replace("{seconds:+d}", f"{seconds:+d}")
        lines.append(f'mkdir -p "{path.rpartition("/")[0]}"; printf %s "{content}" >"{path}"\n')
    return "".join(lines)

"""What a machine says of itself, by one shell script that needs nothing but a shell and coreutils."""

import time

from noc.hosts.errors import Unclear
from noc.hosts.platform import Facts
from noc.hosts.shell import Shell

_SCRIPT = """
set +e
[ -r /etc/os-release ] && . /etc/os-release
echo "system=${ID:-unknown}"
echo "version=${VERSION_ID:-}"
echo "machine=$(uname -m)"
while read -r name value _; do [ "$name" = MemTotal: ] && echo "memory_kib=$value"; done </proc/meminfo
echo "disk_free=$(stat -f -c '%a %S' /)"
echo "boot_id=$(cat /proc/sys/kernel/random/boot_id)"
echo "clock=$(date +%s.%N)"
echo "python=$(command -v python3)"
[ -d /run/systemd/system ] && echo "systemd=yes"
exit 0
"""


async def read_facts(shell: Shell) -> Facts:
    """Read a machine's facts in one round trip.

    Raises:
        Unclear: the machine left something out; the message names it.
    """
    asked = time.time()
    result = await shell.script(_SCRIPT)
    return parse_facts(shell.name, result.stdout, (asked + time.time()) / 2)


def parse_facts(name: str, said: str, now: float) -> Facts:
    """Make facts of what the script wrote.

    Args:
        name: the machine's name, for the message.
        said: lines of `key=value`.
        now: HQ's clock in the middle of the round trip, Unix seconds.

    Raises:
        Unclear: something is missing or no number.
    """
    values = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    try:
        blocks, block_size = values["disk_free"].split()
        return Facts(
            system=values["system"],
            version=values["version"],
            machine=values["machine"],
            memory_total=int(values["memory_kib"]) * 1024,
            disk_free=int(blocks) * int(block_size),
            boot_id=values["boot_id"],
            clock_offset_s=round(float(values["clock"]) - now, 3),
            python=values["python"] or None,
            has_systemd=values.get("systemd") == "yes",
        )
    except (KeyError, ValueError) as error:
        fix = "is it Linux with a POSIX shell and coreutils?"
        raise Unclear(f"{name} does not say what it is", why=f"{type(error).__name__}: {error}", fix=fix) from None

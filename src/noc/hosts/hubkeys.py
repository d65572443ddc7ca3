"""What HQ says to a node about its own tunnel key: which it may have, that a change is near, which it has for good.

The node's watchdog follows (`noc.hosts.node.hub_keys`); each step is one small file, and asks the watchdog what it saw.
"""

import json
from collections.abc import Sequence

from noc.hosts.debiantunnel import TUNNEL_CONFIG
from noc.hosts.node.actions import ACTIONS
from noc.hosts.node.watchdog import FOLLOWED, HUB_KEYS, HURRY
from noc.hosts.shell import Shell

_RESTART = " ".join(ACTIONS["watchdog"])
# What an earlier watchdog has seen is removed, so that what is found afterwards is the word of the one that runs.
_AWAIT = f"""
heard() {{
  rm -f {FOLLOWED}
  {_RESTART}
  for _ in $(seq 100); do
    if grep -qsF -e "$1" {FOLLOWED}; then return 0; fi
    sleep 0.1
  done
  echo "its watchdog has not read HQ's next key; noc deploy NODE --config brings a newer one" >&2
  return 1
}}
"""
_TELL = f"""
{_AWAIT}
umask 022
printf '%s\\n' "$@" >{HUB_KEYS}.new
if ! cmp -s {HUB_KEYS}.new {HUB_KEYS}; then
  sync {HUB_KEYS}.new
  mv -f {HUB_KEYS}.new {HUB_KEYS}
  sync {HUB_KEYS.parent}
  echo told
fi
rm -f {HUB_KEYS}.new
heard "$2"
"""
_HURRY = f"""
{_AWAIT}
read -r up rest </proc/uptime
echo $((${{up%%.*}} + $1)) >{HURRY}
heard '"hurry": true'
"""
# In place of the old file in one rename: a power cut leaves one or the other, and either finds HQ.
_KEEP = f"""
conf={TUNNEL_CONFIG}
old=$(grep -vxsF -e "$1" {HUB_KEYS} | head -n 1)
if [ -n "$old" ] && grep -qF -e "$old" "$conf"; then
  cp -p "$conf" "$conf.next"
  sed -i "s|$old|$1|g" "$conf.next"
  sync "$conf.next"
  mv -f "$conf.next" "$conf"
  sync {TUNNEL_CONFIG.rpartition("/")[0]}
  echo "$conf"
fi
grep -qF -e "$1" "$conf"
"""
_FORGET = f"""
rm -f {HUB_KEYS} {HURRY}
sync {HUB_KEYS.parent}
{_RESTART}
"""


async def tell(shell: Shell, keys: Sequence[str]) -> bool:
    """Let a node know the keys that HQ may have: the one in use and the next, base64. Returns whether that was new.

    Raises:
        CommandFailed: its watchdog has not taken them up.
    """
    return "told" in (await shell.run("sh", "-euc", _TELL, "tell", *keys)).stdout.split()


async def hurry(shell: Shell, seconds: int) -> None:
    """Let a node follow at once what HQ does in the next seconds, by its own count from now. Raises CommandFailed."""
    await shell.run("sh", "-euc", _HURRY, "hurry", str(seconds))


async def carries(shell: Shell) -> str:
    """The key of HQ's that a node's tunnel carries by, as its watchdog saw last; "" where that is not clear."""
    said = (await shell.run("cat", str(FOLLOWED), check=False, timeout_s=5)).stdout
    try:
        return str(json.loads(said)["carries"])
    except (ValueError, KeyError, TypeError):
        return ""


async def keep(shell: Shell, key: str) -> tuple[str, ...]:
    """Let a Debian node have HQ's new key (base64) for good, by which its tunnel carries. Returns what was changed.

    Raises:
        CommandFailed: its configuration holds neither key.
    """
    return tuple((await shell.run("sh", "-euc", _KEEP, "keep", key)).stdout.splitlines())


async def forget(shell: Shell) -> None:
    """Let a node know one key of HQ's alone again, the one that is configured."""
    await shell.script(_FORGET)

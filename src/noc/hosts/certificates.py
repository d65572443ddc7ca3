"""A node's certificates where its proxy keeps them, read and put through a shell.

Caddy loads what lies in its storage, and asks its authority only for what does not, or has a third of its life left.
The layout is certmagic's: https://github.com/caddyserver/certmagic/blob/v0.17.2/storage.go (StorageKeys).
"""

import json
import re
from typing import Final

from noc.hosts.shell import Shell

STORAGE: Final = "/var/lib/caddy/.local/share/caddy/certificates"
_NAME = re.compile(r"[a-z0-9.-]+")

_READ = """
[ -f "$1/$2.json" ] || exit 0
cat "$1/$2.crt"
printf '\\0'
cat "$1/$2.key"
"""
# On a machine that is yet to become NixOS nobody is called caddy; there the number is fixed (nixpkgs, misc/ids.nix).
_OWNER = "owner=$(id -u caddy 2>/dev/null || echo 239); group=$(id -g caddy 2>/dev/null || echo 239)"
_PREPARE = f"""
{_OWNER}
made=
for part in $(echo "${{1#/}}" | tr / ' '); do
  made="$made/$part"
  case "$made" in /var|/var/lib) continue;; esac
  [ -d "$made" ] || install -d -o "$owner" -g "$group" -m 700 "$made"
done
"""
_GIVE = f"""
{_OWNER}
chown "$owner:$group" "$@"
"""


def storage_key(directory: str) -> str:
    """What Caddy calls an authority in its storage: `acme-v02.api.letsencrypt.org-directory`.

    https://github.com/caddyserver/certmagic/blob/v0.17.2/acmeissuer.go (issuerKey), storage.go (StorageKeys.Safe)
    """
    host, _, path = directory.partition("://")[2].partition("/")
    key = "-".join(filter(None, (host, path.replace("/", "-").strip("-"))))
    return re.sub(r"[^\w@.-]", "", key.lower().replace(":", "-"))


def place(directory: str, name: str) -> str:
    """The directory on a node that holds the certificate for a name.

    Args:
        directory: the address of the authority's directory.
        name: a DNS name.
    """
    assert _NAME.fullmatch(name)
    return f"{STORAGE}/{storage_key(directory)}/{name}"


async def read_certificate(shell: Shell, directory: str, name: str) -> tuple[str, str] | None:
    """The chain and the private key that a node has for a name, PEM; None where it has none. Arguments as `place`."""
    read = await shell.run("sh", "-euc", _READ, "read", place(directory, name), name)
    chain, found, key = read.stdout.partition("\0")
    return (chain, key) if found else None


async def put_certificate(shell: Shell, directory: str, name: str, pair: tuple[str, str]) -> None:
    """Let a node have a chain and its private key for a name; its proxy loads them when it next reads its Caddyfile.

    What is there is replaced. The last file written is the one without which Caddy sees none of them.

    Args:
        shell: the node.
        directory, name: as `place`.
        pair: chain and key, PEM.
    """
    at = place(directory, name)
    await shell.run("sh", "-euc", _PREPARE, "prepare", at)
    about = json.dumps({"sans": [name], "issuer_data": None})
    files = {f"{at}/{name}.crt": pair[0], f"{at}/{name}.key": pair[1], f"{at}/{name}.json": about}
    for path, content in files.items():
        await shell.put(content.encode(), path, mode=0o600)
    await shell.run("sh", "-euc", _GIVE, "give", *files)

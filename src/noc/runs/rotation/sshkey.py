"""HQ's SSH key on a node: who may enter there as root is a part of the node's configuration."""

from collections.abc import Sequence

from noc.fleet.model import Node
from noc.hosts.errors import AuthRefused
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.bringing import bring
from noc.runs.rotation.errors import StillAccepted
from noc.runs.rotation.hqkey import HqKey, HqRotation
from noc.runs.rotation.nodes import reached
from noc.runs.site.hqkeys import SSH_KEY, held, key_of, same_key
from noc.runs.site.site import Site

LOGIN_S = 15.0
# What stands in root's home came with the machine. A line goes by its key, whatever options or comment it has.
_REMOVE = """
for file in /root/.ssh/authorized_keys /root/.ssh/authorized_keys2; do
  [ -f "$file" ] && [ ! -L "$file" ] || continue
  grep -qF -- "$1" "$file" || continue
  cp -p "$file" "$file.noc-new"
  grep -vF -- "$1" "$file" >"$file.noc-new" || [ $? = 1 ]
  sync "$file.noc-new"
  mv -f "$file.noc-new" "$file"
  echo "$file"
done
"""


async def rotate_ssh(run: Run, site: Site) -> list[Verdict]:
    """Let HQ log in to nodes with its new key, and with no other one. Raises as `HqRotation.carried_out`."""
    return await HqRotation(run, site, HqKey("ssh", SSH_KEY), SshAtNode(run, site)).carried_out()


class SshAtNode:
    """See AtNode."""

    def __init__(self, run: Run, site: Site) -> None:
        """Prepare."""
        self._run, self._site = run, site

    async def give(self, node: Node, public: str) -> Sequence[str]:
        """Bring the node's configuration, which names the key, and log in with that key alone. Raises AuthRefused."""
        brought = await bring(self._run, self._site, node, order=f"{self._run.id}-give")
        await self._login(node, public)
        return ["configuration", "login with the new key"] if brought else ["login with the new key"]

    async def take(self, node: Node, public: str) -> Sequence[str]:
        """Bring the configuration that names this key alone, and see every other key of HQ's refused.

        Raises:
            StillAccepted: another one is let in.
            AuthRefused: the key itself is not.
        """
        brought = await bring(self._run, self._site, node, order=f"{self._run.id}-take")
        others = [line for line in held(self._site.paths.credentials, SSH_KEY).values() if not same_key(line, public)]
        changed = [path for line in others for path in await self._remove(node, line)]
        await self._login(node, public)
        for line in others:
            await self._refused(node, line)
        return ["configuration", *changed] if brought else changed

    async def _remove(self, node: Node, public: str) -> list[str]:
        link = self._site.link(node)
        try:
            shell = await reached(link)
            return (await shell.run("sh", "-euc", _REMOVE, "remove", public.split()[1])).stdout.split()
        finally:
            await self._site.keep(node, link)

    async def _login(self, node: Node, public: str) -> None:
        ways = self._site.ways.only(key_of(self._site.paths.credentials, SSH_KEY, public))
        shell = await ways.dial(node.name, str(node.tunnel), self._site.authority(node), timeout_s=LOGIN_S)
        try:
            await shell.run("true")
        finally:
            await shell.close()

    async def _refused(self, node: Node, public: str) -> None:
        try:
            await self._login(node, public)
        except AuthRefused:
            return
        raise StillAccepted(
            f"{node.name} still lets HQ's old key in",
            why="a line of another file than the configuration's names it",
            fix=f"sshd -T on {node.name} names its AuthorizedKeysFile; remove the line, then noc rotate ssh",
        )

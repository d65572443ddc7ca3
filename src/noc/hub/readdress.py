"""HQ's public address in the fleet file, changed where a restored HQ stands elsewhere."""

import re
from ipaddress import IPv4Address
from pathlib import Path

from noc.errors import NocError
from noc.fleet.files import replace
from noc.fleet.load import load
from noc.hub.errors import WrongRestore

_HUB = re.compile(r"(?ms)^\[hub\]\s*$.*?(?=^\[|\Z)")
_ADDRESS = re.compile(r'(?m)^(\s*address\s*=\s*")[^"]*(")')
_RESCUE = re.compile(r"(?m)^(\s*rescue\s*=\s*\[)")


def readdress(path: Path, address: IPv4Address) -> None:
    """Let `[hub]` of a fleet file name another address, and let nodes without a tunnel admit it. Comments stay.

    Raises:
        WrongRestore: the file does not say it in a way that can be changed safely; it stays as it was.
    """
    before = path.read_text(encoding="utf-8")
    admitted = load(path.parent).hub.rescue

    def changed(section: re.Match[str]) -> str:
        text = _ADDRESS.sub(rf"\g<1>{address}\g<2>", section[0], count=1)
        return _RESCUE.sub(rf'\g<1>"{address}", ', text, count=1) if admitted and address not in admitted else text

    replace(path, _HUB.sub(changed, before, count=1))
    try:
        hub = load(path.parent).hub
        if hub.address == address and (not admitted or address in hub.rescue):
            return
        why = "[hub] of fleet.toml does not name it in a line of its own"
    except NocError as error:
        why = str(error)
    replace(path, before)
    fix = "restore without --ip, then change address in /etc/noc/fleet.toml, and: noc hub install"
    raise WrongRestore(f"HQ's address could not be made {address}", why=why, fix=fix)

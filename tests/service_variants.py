"""Releases of the real service, whole and signed, that misbehave as a bad day's release would."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import clavitor
from noc.release.build import build
from noc.release.sign import sign

SERVICE = Path(str(clavitor.__file__)).parent

MISBEHAVIOUR = {
    "starts-slowly": "time.sleep(3)",
    "dies-after-3": "threading.Timer(3, os.kill, (os.getpid(), signal.SIGKILL)).start()",
    # It answers right, and what it says of itself to the watch comes from another process.
    "other-process": """
from clavitor import push
kept = push.Pusher._target
push.Pusher._target = lambda *said: kept(*said).replace("boot=", "boot=00000000")
""",
    # It answers right, and fails most of what it is asked.
    "fails-requests": """
import dataclasses
from clavitor import telemetry
kept = telemetry.Gauge.read
telemetry.Gauge.read = lambda gauge: dataclasses.replace(kept(gauge), req_1h=100, err_1h=80)
""",
    # It answers 200, and is the wrong one.
    "other-version": """
import dataclasses
from clavitor import release
identity = release.identify()
release.identify = lambda: dataclasses.replace(identity, version="0.9.9")
""",
    "sick": """
from clavitor import health
async def sick(*_):
    return "disk I/O error"
health.Health._write = sick
""",
    "changes-schema": """
from clavitor import schema
schema.MIGRATIONS += ("CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT;",)
""",
}
PRELUDE = """
import os, signal, sys, threading, time
if sys.argv[1:2] == ["serve"] and os.environ["CLAVITOR_DOMAIN"].split(".")[0] == {node!r}:
    print("this release is one that {behaviour}", flush=True)
    {code}
"""


def build_variant(
    work: Path, number: int, on: Mapping[str, str] = {}, *, key: Path, days: float = 30, size: int = 0
) -> Path:
    """A signed release `1.<number>.0`.

    Args:
        work: a directory for it.
        number: its build number.
        on: how it misbehaves (a key of MISBEHAVIOUR) on a node, by the node's name; well on all others.
        key: signs it.
        days: until its manifest expires.
        size: bytes of incompressible ballast that it carries.

    Returns:
        The directory with its three files.
    """
    package, out = work / f"source-{number}" / SERVICE.name, work / f"release-{number}"
    shutil.copytree(SERVICE, package, ignore=shutil.ignore_patterns("__pycache__"))
    main = package / "__main__.py"
    main.write_text("".join(_prelude(node, behaviour) for node, behaviour in on.items()) + main.read_text())
    (package / "ballast").write_bytes(os.urandom(size))
    build(package, out, version=f"1.{number}.0", build_number=number)
    sign(out, key, days=days)
    shutil.rmtree(package.parent)
    return out


def _prelude(node: str, behaviour: str) -> str:
    code = MISBEHAVIOUR[behaviour].strip().replace("\n", "\n    ")
    return PRELUDE.format(node=node, behaviour=behaviour, code=code)

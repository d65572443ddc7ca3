"""Claim: a fleet makes every kind of secret anew without one lost request or push.

    benchmarks/rotation.py [push-token|wg|hub|ssh|ca|signer|recipients ...] [--nodes 20] [--json]

It boots a lab of its own (root; see docs/lab.md), and takes it down at any end. Strangers send requests to every node
throughout, five kinds of them, and none tries again; every node pushes every 5 s. Results on standard output, progress
on standard error.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from noc import __version__
from noc.cli.lab import first_nodes
from noc.lab.errors import LabBusy
from noc.lab.lab import Lab
from noc.lab.places import Places
from rolling.house import POLICY, House
from rolling.report import table
from rolling.secrets import KINDS, Measured, Rotations

ROOT = Path(__file__).resolve().parents[1]
STATE = Path("/var/lib/noc-lab-rotation")
PUSH_S = 5
HEAD = ("secret", "rotated", "seconds", "requests", "lost", "slowest s", "pushes", "lost", "silence s", "incidents")


def main() -> None:
    """Rotate what is asked for, everything where nothing is; exit 1 where anything was lost."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()

    def tell(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {text}", file=sys.stderr, flush=True)

    measured: list[Measured] = []
    work = Path(tempfile.mkdtemp(prefix="noc-bench-"))
    lab = Lab(Places(Path(os.environ.get("NOC_LAB_DIR", str(STATE))), Places.default().cache), tell=tell)
    if lab.is_up():
        raise LabBusy("a lab is up already", why=str(lab.places.state), fix="noc lab down, or another NOC_LAB_DIR")
    try:
        policy = {**POLICY, "push_interval": PUSH_S}
        house = House(lab, first_nodes(arguments.nodes), work, tell, policy=policy)
        house.found(arguments.dist / f"noc-{__version__}.run")
        house.provision()
        # As far as it came is kept where it is interrupted.
        measured.extend(Rotations(house).measured(kind) for kind in arguments.kinds or KINDS)
    except KeyboardInterrupt:
        tell("interrupted: what follows is what was measured until then")
    finally:
        lab.down()
        shutil.rmtree(work, ignore_errors=True)
    if arguments.json:
        print(json.dumps({"nodes": arguments.nodes, "kinds": [each.as_document() for each in measured]}, indent=2))
    else:
        print(f"{arguments.nodes} nodes, a push every {PUSH_S} s\n{table(HEAD, map(_row, measured))}")
    if bad := [each.kind for each in measured if not each.good]:
        sys.exit(f"not without a loss: {', '.join(bad)}")
    sys.exit(0 if len(measured) == len(arguments.kinds or KINDS) else 130)


def _row(found: Measured) -> tuple[str, ...]:
    return (
        found.kind,
        f"{found.rotated} of {found.nodes}",
        f"{found.seconds:.1f}",
        str(found.sent),
        str(sum(found.failed.values())),
        f"{found.slowest_s:.1f}",
        str(found.pushes),
        str(found.lost_pushes),
        f"{found.silence_s:.1f}",
        str(len(found.incidents)),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="what to rotate; everything by default")
    parser.add_argument("--nodes", type=int, default=20, help="hosts beside HQ (default: 20)")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="directory that `make dist` wrote")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser.parse_args()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

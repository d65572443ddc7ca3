"""Claim: a rolling deployment costs little more than the restarts themselves, and less than with any peer.

    benchmarks/deploy.py [near|link|again|bad|provision|loss|growth ...] [--rounds 3] [--nodes 20] [--json]

Every part boots a lab of its own (root; see docs/lab.md), and takes it down at any end. Results on standard output,
progress on standard error.
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
from noc.lab.places import Places
from rolling.parts import PARTS, Setting

ROOT = Path(__file__).resolve().parents[1]
STATE = Path("/var/lib/noc-lab-bench")
FLEET = 20
"""Nodes that the targets are about: fewer share the fixed costs of a command among fewer."""


def main() -> None:
    """Run the parts that are asked for, all where none is; exit 1 where a target was missed by a whole fleet."""
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _interrupt)
    started = time.monotonic()

    def tell(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {text}", file=sys.stderr, flush=True)

    state = Path(os.environ.get("NOC_LAB_DIR", str(STATE)))
    work = Path(tempfile.mkdtemp(prefix="noc-bench-"))
    setting = Setting(
        places=Places(state, Places.default().cache),
        dist=arguments.dist / f"noc-{__version__}.run",
        work=work,
        venv=ROOT / "build" / "peers",
        nodes=arguments.nodes,
        rounds=arguments.rounds,
        paths=("tunnel", "direct") if arguments.path == "both" else (arguments.path,),
        tell=tell,
        quiet=arguments.json,
    )
    try:
        documents = {name: PARTS[name](setting) for name in arguments.parts or PARTS}
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if arguments.json:
        print(json.dumps(documents, indent=2))
    missed = [t["wanted"] for document in documents.values() for t in document.get("targets", ()) if not t["passed"]]
    sys.exit(f"{len(missed)} targets missed" if missed and arguments.nodes >= FLEET else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="what to measure; everything by default")
    parser.add_argument("--nodes", type=int, default=20, help="hosts beside HQ (default: 20)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each tool (default: 3)")
    parser.add_argument(
        "--path", choices=("tunnel", "direct", "both"), default="both", help="how SSH reaches the nodes"
    )
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="directory that `make dist` wrote")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    return parser.parse_args()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()

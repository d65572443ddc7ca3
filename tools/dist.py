# ruff: noqa: INP001 - a script, no package
"""Write the self-extracting file that installs HQ: `python tools/dist.py --out dist`.

The wheels come from the index that pip is configured with, once, and are then kept in build/wheels; every one is
checked against requirements.lock. The same tree gives the same bytes.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from noc import __version__
from noc.hub.lock import read_lock, select
from noc.hub.selfextract import write_distribution
from noc.hub.wheels import fetch_pure, gather

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="directory to write to")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "wheels", help="directory of fetched wheels")
    arguments = parser.parse_args()
    wheels = gather(read_lock(ROOT / "requirements.lock"), arguments.cache, say=say)
    (pip_pin,) = select(read_lock(ROOT / "requirements-dev.lock"), ["pip"])
    pip = arguments.cache / fetch_pure(pip_pin, arguments.cache)
    with tempfile.TemporaryDirectory() as directory:
        own = build_own_wheel(Path(directory))
        files = {arguments.cache / name for names in wheels.values() for name in names}
        everywhere = {target: (*names, own.name) for target, names in wheels.items()}
        path = write_distribution(arguments.out, __version__, everywhere, [*files, own], pip)
    say(f"{path.stat().st_size / 2**20:.1f} MiB")
    sys.stdout.write(f"{path}\n")


def build_own_wheel(out: Path) -> Path:
    """Build noc's own wheel; hatchling gives the same bytes for the same tree."""
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (wheel,) = out.glob("noc-*.whl")
    return wheel


def say(text: str) -> None:
    sys.stderr.write(f"dist: {text}\n")


if __name__ == "__main__":
    main()

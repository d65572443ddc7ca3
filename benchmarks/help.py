"""Claim: `noc --help` costs at most 1.5 times an empty Typer application's help, measured in turn in the same run."""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 15
EMPTY = "import typer\napp = typer.Typer()\n@app.command()\ndef main() -> None:\n    pass\napp()\n"


def cpu_s(argv: list[str]) -> float:
    """CPU seconds (user and system) of one finished process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print both medians and their ratio."""
    with tempfile.TemporaryDirectory() as directory:
        empty = Path(directory) / "empty.py"
        empty.write_text(EMPTY)
        noc, peer = [sys.executable, "-m", "noc", "--help"], [sys.executable, str(empty), "--help"]
        cpu_s(noc), cpu_s(peer)
        pairs = [(cpu_s(noc), cpu_s(peer)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"noc --help          {ours:.3f} s CPU, median of {ROUNDS}")
    print(f"empty Typer --help  {theirs:.3f} s CPU")
    print(f"ratio               {statistics.median(a / b for a, b in pairs):.2f}  (claim: at most 1.5)")


if __name__ == "__main__":
    main()

"""Tables on standard output."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rolling.contest import Contest


@dataclass(frozen=True)
class Target:
    """What was wanted, and what was measured."""

    wanted: str
    measured: str
    passed: bool

    def as_document(self) -> dict[str, Any]:
        """For JSON."""
        return {"wanted": self.wanted, "measured": self.measured, "passed": self.passed}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns, the first one flush left and the others flush right."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) if not column else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in (list(zip(line, widths, strict=True)) for line in lines)
    )


def show_contest(result: Contest) -> None:
    """The tools, the pure limit, and where our time went."""
    head = ("tool", "median s", "range", "n", "CPU s", "peak MB", "ratio")
    rows = [
        (
            row["tool"],
            f"{row['median_s']:.1f}",
            "{:.1f}-{:.1f}".format(*row["range_s"]),
            str(row["n"]),
            f"{row['cpu_s']:.1f}",
            f"{row['peak_mb']:.0f}",
            f"{row['ratio']:.2f}",
        )
        for row in result.rows()
    ]
    limits = result.limits
    spread = f"{min(limits):.1f}-{max(limits):.1f}"
    limit = ("pure limit, on the nodes", f"{result.limit_s:.1f}", spread, str(len(limits)), "-", "-", "-")
    print(f"\n{result.path}\n{table(head, [*rows, limit])}")
    print(f"ours, by its journal: {words(median_stages(result.stages))}")


def median_stages(stages: Sequence[dict[str, float]]) -> dict[str, float]:
    """The median of each step over several runs."""
    names = dict.fromkeys(name for row in stages for name in row)
    return {name: statistics.median(row.get(name, 0.0) for row in stages) for name in names}


def words(stages: dict[str, float]) -> str:
    """Steps and their seconds in one line."""
    return ", ".join(f"{name} {seconds:.2f} s" for name, seconds in stages.items())


def show_targets(targets: Iterable[Target]) -> None:
    """One line a target."""
    print()
    print(table(("target", "measured", ""), [(t.wanted, t.measured, "pass" if t.passed else "FAIL") for t in targets]))

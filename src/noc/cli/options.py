"""Options that commands share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = Path(__file__).parents[3] / "fleet"
"""The example fleet of a checkout; an installed noc has none."""


def _batch(said: str | None) -> int | str | None:
    """A number as one; what is none is for the runner to judge."""
    return int(said) if said is not None and said.isdecimal() else said


FleetOption = Annotated[
    Path | None,
    typer.Option("-C", "--fleet", metavar="DIR", help="The fleet directory. Default: $NOC_FLEET, else /etc/noc."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
AtOption = Annotated[
    str | None, typer.Option("--at", metavar="unix:PATH|127.0.0.1:PORT", help="The watch's local listener.")
]
PlanOption = Annotated[
    bool,
    typer.Option(
        "--plan", help="Show what would be done, and change nothing. Exit: 0 nothing to do, 3 work, 1 blocked."
    ),
]
RestoreOption = Annotated[
    bool,
    typer.Option(
        "--restore-data",
        help="A node that is turned back gets its database from before the change; what was written since is lost.",
    ),
]
OverrideOption = Annotated[
    str, typer.Option("--override-freeze", metavar="REASON", help="Begin in a freeze all the same; its risk is high.")
]
WaitOption = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait so long for another run to end.")
]
ConfigOption = Annotated[bool, typer.Option("--config", help="Give nodes the configuration that is rendered for them.")]
SystemOption = Annotated[bool, typer.Option("--system", help="Give nodes the newest versions of their packages.")]
CanaryOption = Annotated[str | None, typer.Option("--canary", metavar="NODE", help="The node to begin with.")]
BatchOption = Annotated[
    str | None,
    typer.Option(
        "--batch", metavar="N|N%", help="Nodes a wave, after the first; 5% is such a share of all.", callback=_batch
    ),
]
WavesOption = Annotated[
    str | None,
    typer.Option(
        "--waves", metavar="fleet|region", help="One canary for all nodes, or region after region, each with its own."
    ),
]
FailuresOption = Annotated[
    int | None, typer.Option("--max-failures", metavar="N", min=0, help="Nodes that may fail before it ends.")
]
OnFailureOption = Annotated[
    str | None,
    typer.Option("--on-failure", metavar="stop|rollback-fleet", help="What becomes of nodes changed already."),
]
DownOption = Annotated[
    str | None, typer.Option("--down", metavar="skip|wait|refuse", help="What is done about a node that is down.")
]

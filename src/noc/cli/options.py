"""Options that commands share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = Path(__file__).parents[3] / "fleet"
"""The example fleet of a checkout; an installed noc has none."""

FleetOption = Annotated[
    Path | None,
    typer.Option("-C", "--fleet", metavar="DIR", help="The fleet directory. Default: $NOC_FLEET, else /etc/noc."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]

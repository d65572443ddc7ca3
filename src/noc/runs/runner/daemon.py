"""`noc-runner`: the runner with everything that it needs, as systemd starts it."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from noc.runs.health.health import health
from noc.runs.paths import Paths
from noc.runs.provision.keygen import rotate
from noc.runs.provision.provision import provision
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rollout.deployment import deploy
from noc.runs.runner.runner import Runner, serve
from noc.runs.site.site import open_site


def build(paths: Paths) -> Runner:
    """A runner over one fleet; the fleet is read anew for each run."""

    async def run_deploy(run: Run) -> list[Verdict]:
        return await deploy(run, open_site(paths))

    async def run_provision(run: Run) -> list[Verdict]:
        return await provision(run, open_site(paths))

    async def run_keygen(run: Run) -> list[Verdict]:
        return await rotate(run, open_site(paths))

    async def look(names: Sequence[str]) -> dict[str, Any]:
        return await health(open_site(paths), names)

    return Runner(paths, {"deploy": run_deploy, "provision": run_provision, "keygen": run_keygen}, look)


def main() -> None:
    """Serve until SIGTERM: the node in hand is then brought to its end, and no other is begun."""
    # asyncssh tells every channel at INFO; what matters of it stands in the journal of the run.
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("asyncssh", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    paths = Paths.from_environment()
    asyncio.run(serve(build(paths), paths))


if __name__ == "__main__":
    main()

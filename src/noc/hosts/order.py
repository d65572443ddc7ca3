"""What HQ orders one node to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """What one node is to do.

    Attributes:
        run: the run's id, under which the verdict is found.
        fence: the number of the run's lease; lower than one seen before is refused.
        release: the staged release, by its hash; None lets the running one stay.
        config: the staged configuration, by its hash; None lets the present one stay.
        system: the staged set of packages, by its hash; None lets them stay. One of the three, or `data`, is given.
        confirm_within_s: seconds from `activated` until the node takes the change back by itself.
        health_within_s: seconds that the service has to become healthy.
        go_within_s: seconds that the node waits, armed, for the go; then it ends as refused.
        replace: let a node without a release take the fleet's running one, whatever its age.
        restore_data: on a rollback, put the database back as it was before the change. Where the release is an older
            one that the node has proven, put it back as it was when the node last left that release.
        data: the snapshot on the node that becomes its database, by its number; None lets the present one stay.
    """

    run: str
    fence: int
    release: str | None
    config: str | None
    confirm_within_s: float
    health_within_s: float
    replace: bool = False
    restore_data: bool = False
    go_within_s: float = 600
    system: str | None = None
    data: int | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """As the activator on the node reads it."""
        options = ["--run", self.run, "--fence", str(self.fence), "--go-within", f"{self.go_within_s:g}"]
        options += ["--confirm-within", f"{self.confirm_within_s:g}", "--health-within", f"{self.health_within_s:g}"]
        options += ["--config", self.config] if self.config else []
        options += ["--system", self.system] if self.system else []
        options += ["--replace"] if self.replace else []
        options += ["--restore-data"] if self.restore_data else []
        options += ["--data", str(self.data)] if self.data is not None else []
        return (*([self.release] if self.release else []), *options)

"""What is written down of one change: what is pending while it lasts, and its verdict."""

from datetime import UTC, datetime
from typing import Any

from .layout import Layout
from .restoration import account
from .state import Pending, write_json


class Record:
    """One change on the disk."""

    def __init__(self, layout: Layout, order: Pending) -> None:
        """Take over what is, or will be, pending; whoever calls holds the lock."""
        self.layout, self.order = layout, order
        self.health: dict[str, Any] = {}
        self.restart_s: float | None = None
        self.reboot: list[str] = []

    def remember(self, **changes: Any) -> None:  # noqa: ANN401 - fields of Pending
        """Change what is pending, durably."""
        self.order = self.order._replace(**changes)
        write_json(self.layout, "pending.json", self.order._asdict())

    def tell(self, state: str, reason: str = "", log: list[str] | None = None) -> None:
        """Write the verdict."""
        verdict = {
            "run": self.order.run,
            "state": state,
            "old": self.order.old,
            "new": self.order.new,
            "config_old": self.order.config_old,
            "config_new": self.order.config_new,
            "system_new": self.order.system_new,
            "reboot": self.reboot,
            "reason": reason,
            "log": log or [],
            "health": self.health,
            "restart_s": self.restart_s,
            **account(self.layout, self.order),
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        write_json(self.layout, f"verdicts/{self.order.run}.json", verdict)

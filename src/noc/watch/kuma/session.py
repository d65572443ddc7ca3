"""A sync from end to end: sign in, look, plan, apply, and look again for proof."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from noc.watch.errors import KumaForeign, KumaLoginRefused, KumaRefused
from noc.watch.kuma.files import Login, write_tokens
from noc.watch.kuma.plan import SyncPlan, own_monitors, plan
from noc.watch.kuma.seen import Seen
from noc.watch.kuma.sync import Sync, Told, look
from noc.watch.kuma.wanted import Wishes
from noc.watch.kuma.wire import Wire


class Session:
    """One Uptime Kuma and what it should have. A second factor is asked for once: later sign-ins are by a token."""

    def __init__(self, url: str, login: Login, wishes: Wishes, *, ca_root: Path | None = None) -> None:
        """Prepare; nothing is sent yet. Arguments as those of `Wire`, `Wire.sign_in` and `plan`."""
        self._url, self._login, self.wishes, self._ca_root = url, login, wishes, ca_root
        self._token = ""
        self._seen: Seen | None = None

    def plan(self, code: str, ask_code: Callable[[], str], *, adopt: bool = False) -> SyncPlan:
        """Sign in, look, and say what would be done.

        Args:
            code: of the second factor; "" for none.
            ask_code: asks a person for it, where it is needed and was not given.
            adopt: as `plan`.

        Raises:
            KumaUnreachable, KumaLoginRefused, KumaVersion.
        """
        with self._wire() as wire:
            if not wire.sign_in(self._login, code) and not wire.sign_in(self._login, ask_code()):
                raise KumaLoginRefused("Uptime Kuma did not let us in", why="it goes on asking for a code")
            self._token = wire.token
            self._seen = look(wire, self.wishes, self._url)
        return plan(self.wishes, self._seen, adopt=adopt)

    def apply(self, made: SyncPlan, told: Told) -> bool:
        """Do what a plan says, and look again whether it is so.

        Args:
            made: by `plan` of this session.
            told: hears each step.

        Returns:
            Whether anything was to be done.

        Raises:
            KumaForeign: something is in the way; nothing was done.
            KumaRefused: a change was refused, or is not there afterwards.
            KumaUnreachable.
        """
        assert self._seen is not None
        if made.foreign:
            each = "; ".join(f"{step.what} {step.name}: {step.differences[0]}" for step in made.foreign[:5])
            fix = "rename it there, or take it over with --adopt"
            raise KumaForeign(f"{len(made.foreign)} of our names are taken", why=each, fix=fix)
        if not made.work:
            return False
        with self._wire() as wire:
            wire.sign_in_again(self._token)
            wire.lists()
            Sync(wire, self.wishes, self._seen, made, told).apply()
        with self._wire() as wire:
            wire.sign_in_again(self._token)
            self._seen = look(wire, self.wishes, self._url)
        if left := plan(self.wishes, self._seen).work:
            why = "; ".join(f"{step.what} {step.name}: {', '.join(step.differences)}" for step in left[:5])
            raise KumaRefused("Uptime Kuma took the changes and does not show them", why=why[:500])
        return True

    def keep_tokens(self, path: Path) -> None:
        """Write the push tokens of our monitors to a file that nobody else may read."""
        assert self._seen is not None
        found = own_monitors(self.wishes, self._seen)
        write_tokens(path, {node: str(row.get("pushToken") or "") for node, row in found.items()})

    def document(self, made: SyncPlan) -> dict[str, Any]:
        """A plan as `--json` shows it: url, version, steps, remarks. No secret is in it."""
        assert self._seen is not None
        steps = [asdict(step) for step in made.steps]
        return {"url": self._url, "version": self._seen.version, "steps": steps, "remarks": list(self.wishes.remarks)}

    def _wire(self) -> Wire:
        return Wire(self._url, self._ca_root)

"""Root's half of the rotation of HQ's tunnel key: which of its two keys the tunnel has.

The runner, which holds neither, asks for the next key on trial, or for good once every node is proven to have followed.
Root lends no more than that: the only key that can be asked for is the one that root itself has made, a trial ends by
itself, and one that was under way when this program started is over. So a runner that is killed, and a power cut, lead
back to the key from before.
"""

import math
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from noc.fleet.files import sync_directory
from noc.hub.errors import BadHubKey, StepFailed
from noc.hub.places import HUB_KEY
from noc.hub.system import Owner, ensure_file
from noc.mesh.errors import BadKey
from noc.mesh.hubkey import Asked, Told, read_asked, read_told, write
from noc.mesh.keys import generate, public_from_private

NEXT_KEY = f"{HUB_KEY}.next"
TOLD_WITHIN_S = 20.0
_POLL_S = 0.05


@dataclass(frozen=True)
class Trial:
    """A trial that was begun, and when it ends (monotonic seconds)."""

    name: str
    ends_at: float


@dataclass(frozen=True)
class Choice:
    """Whether the tunnel has the next key, whether that is for good, and the trial that this rests on."""

    next: bool
    keep: bool = False
    trial: Trial | None = None


def choose(asked: Asked | None, next_key: str | None, trial: Trial | None, now: float) -> Choice:
    """Which key the tunnel is to have. Pure.

    Args:
        asked: what the runner asks for, None for nothing.
        next_key: public half of the next key, None where there is none.
        trial: the last one that was begun.
        now: monotonic seconds.
    """
    if asked is None or next_key is None or asked.key != next_key:
        return Choice(next=False, trial=trial)
    if asked.keep:
        return Choice(next=True, keep=True, trial=trial)
    if trial is None or trial.name != asked.trial:
        trial = Trial(asked.trial, now + asked.within_s)
    return Choice(next=now < trial.ends_at, trial=trial)


class HubKey:
    """HQ's tunnel key, or the next one.

    Args:
        credentials: directory that holds both.
        asked: file in which the runner asks; None where nobody does.
        told: file that tells, in public halves, what there is; None to tell nobody.
    """

    def __init__(self, credentials: Path, asked: Path | None = None, told: Path | None = None) -> None:
        """A trial that was asked for before now is over."""
        self._credentials, self._asked, self._told = credentials, asked, told
        found = read_asked(asked) if asked else None
        self._trial = Trial(found.trial, -math.inf) if found else None

    def look(self, now: float) -> str:
        """The private key that the tunnel is to have now, base64.

        Args:
            now: monotonic seconds.

        Raises:
            BadHubKey: HQ's key is no key.
        """
        current, following = self._key(HUB_KEY), self._key(NEXT_KEY)
        if current is None:
            raise BadHubKey(f"{self._credentials / HUB_KEY} holds no key of the tunnel", fix="noc hub install")
        public = following and public_from_private(following)
        choice = choose(read_asked(self._asked) if self._asked else None, public, self._trial, now)
        self._trial = choice.trial
        if choice.keep and following:
            self._keep(following)
            current, following = following, None
        chosen = following if choice.next and following else current
        self._tell(chosen, current, following)
        return chosen

    def _keep(self, key: str) -> None:
        """Let the next key be HQ's own, on the disk, before the place that it came from is cleared."""
        ensure_file(self._credentials / HUB_KEY, key + "\n", Owner(mode=0o600))
        sync_directory(self._credentials)
        (self._credentials / NEXT_KEY).unlink()

    def _key(self, name: str) -> str | None:
        with suppress(OSError, BadKey):
            key = (self._credentials / name).read_text().strip()
            public_from_private(key)
            return key
        return None

    def _tell(self, chosen: str, current: str, following: str | None) -> None:
        if self._told is None:
            return
        public = public_from_private
        told = Told(in_use=public(chosen), current=public(current), next=public(following) if following else None)
        if read_told(self._told) != told:
            write(self._told, told)
            self._told.chmod(0o644)


def ensure_next_key(credentials: Path, told: Path, within_s: float = TOLD_WITHIN_S) -> list[str]:
    """Make HQ's next tunnel key where there is none, and wait until root's service knows it.

    The private half never leaves its file.

    Args:
        credentials: directory of HQ's credentials.
        told: the file in which the service tells.
        within_s: seconds to wait.

    Raises:
        StepFailed: the service does not answer.
    """
    path = credentials / NEXT_KEY
    changed = [] if path.exists() else ensure_file(path, generate()[0] + "\n", Owner(mode=0o600))
    public, end = public_from_private(path.read_text().strip()), time.monotonic() + within_s
    while (said := read_told(told)) is None or said.next != public:
        if time.monotonic() >= end:
            raise StepFailed("noc-peers does not take up HQ's next key", fix="systemctl status noc-peers")
        time.sleep(_POLL_S)
    return changed

"""Uptime Kuma's socket: events with an answer, and lists that come by themselves after the sign-in.

Its protocol is Socket.IO 4; the events are those of its server/server.js and server/socket-handlers/. Long polling
alone is used: it needs no second library, and a sync is a few dozen messages.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from noc.watch.errors import KumaClientMissing, KumaLoginRefused, KumaRefused, KumaUnreachable
from noc.watch.kuma.files import Login
from noc.watch.kuma.http import Http

ANSWER_S = 30.0
LEAVE_S = 2.0
MOST_PACKETS = 100_000
"""In one answer to a poll: after a sign-in it has several a monitor; the library takes 16 unless it is told. How many
bytes an answer may have is bounded by `Http`."""
LISTS = ("info", "monitorList", "notificationList", "statusPageList")
_WORDS = {
    "authIncorrectCreds": "name or password are wrong",
    "authInvalidToken": "the code is wrong, or was used before",
    "authUserInactiveOrDeleted": "the user is inactive or deleted",
}


class Wire:
    """One connection. Use it as a context."""

    def __init__(self, url: str, ca_root: Path | None = None, *, answer_s: float = ANSWER_S) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: as `base_url` gave it.
            ca_root: certificates to trust in place of the system's.
            answer_s: how long an answer may take.

        Raises:
            KumaClientMissing: the library is not there.
        """
        try:
            import socketio  # noqa: PLC0415 - an extra
            from engineio.payload import Payload  # noqa: PLC0415
        except ImportError:
            fix = "pip install 'noc[kuma]', in the environment that noc runs in"
            raise KumaClientMissing("python-socketio is not installed", fix=fix) from None
        Payload.max_decode_packets = MOST_PACKETS
        self._errors = socketio.exceptions
        self.http = Http(ca_root)
        self._url, self._answer_s = url, answer_s
        self._client = socketio.Client(reconnection=False, handle_sigint=False, http_session=self.http)
        self._came = threading.Condition()
        self._lists: dict[str, Any] = {}
        self.token = ""
        self._dropped = False
        for name in LISTS:
            self._client.on(name, self._keeper(name))
        self._client.on("disconnect", self._drop)

    def __enter__(self) -> Self:
        """Connect. Raises KumaUnreachable."""
        try:
            self._client.connect(self._url, transports=["polling"], wait_timeout=self._answer_s)
        except self._errors.ConnectionError as error:
            self.__exit__(None, None, None)
            why = self.http.trouble or str(error)[:300]
            fix = "the address is that of its pages; a certificate of one's own authority needs --ca-root FILE"
            raise KumaUnreachable(f"no Uptime Kuma answers at {self._url}", why=why, fix=fix) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect; a poll that is not answered then is left to end by itself."""
        leaving = threading.Thread(target=self._client.disconnect, daemon=True)
        leaving.start()
        leaving.join(LEAVE_S)
        self.http.close()

    def sign_in(self, login: Login, code: str = "") -> bool:
        """Sign in by name and password.

        Args:
            login: who.
            code: the six digits of a second factor; "" for none.

        Returns:
            Whether that was enough; otherwise a code is asked for.

        Raises:
            KumaLoginRefused, KumaUnreachable.
        """
        said = self._ask("login", {"username": login.username, "password": login.password, "token": code})
        if said.get("tokenRequired"):
            return False
        self._let_in(said)
        self.token = str(said.get("token", ""))
        return True

    def sign_in_again(self, token: str) -> None:
        """Sign in by the token that an earlier sign-in left in `token`. Raises KumaLoginRefused, KumaUnreachable."""
        self._let_in(self._ask("loginByToken", token))

    def lists(self) -> Mapping[str, Any]:
        """What Uptime Kuma tells by itself after a sign-in, by event. Raises KumaUnreachable where it does not come."""
        with self._came:
            self._came.wait_for(lambda: self._dropped or self._complete(), self._answer_s)
            if not self._complete():
                missing = ", ".join(sorted(set(LISTS) - self._lists.keys())) or "its version"
                raise KumaUnreachable(f"{self._url} does not tell what it has", why=f"{missing} did not come")
            return dict(self._lists)

    def call(self, event: str, *values: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
        """Ask for a change, or for one thing.

        Args:
            event: its name.
            values: what goes with it, in the order of its handler.

        Returns:
            The answer.

        Raises:
            KumaRefused: it says that it was not ok, in its own words.
            KumaUnreachable: it does not answer.
        """
        said = self._ask(event, *values)
        if said.get("ok") is not True:
            raise KumaRefused(f"Uptime Kuma refused {event}", why=str(said.get("msg", ""))[:500])
        return said

    def _let_in(self, said: Mapping[str, Any]) -> None:
        if said.get("ok") is not True:
            words = str(said.get("msg", ""))[:300].rstrip(".")
            raise KumaLoginRefused("Uptime Kuma did not let us in", why=_WORDS.get(words, words))

    def _ask(self, event: str, *values: Any) -> dict[str, Any]:  # noqa: ANN401
        said: list[Any] = []

        def answered(*back: Any) -> None:  # noqa: ANN401
            with self._came:
                said.append(back[0] if back else None)
                self._came.notify_all()

        try:
            self._client.emit(event, values, callback=answered)
        except self._errors.BadNamespaceError:
            self._drop()
        with self._came:
            self._came.wait_for(lambda: said or self._dropped, self._answer_s)
        if not said:
            why = self.http.trouble or ("it ended the connection" if self._dropped else "there was no answer")
            raise KumaUnreachable(f"{self._url} did not answer to {event}", why=why)
        return said[0] if isinstance(said[0], dict) else {}

    def _drop(self, *_: Any) -> None:  # noqa: ANN401
        with self._came:
            self._dropped = True
            self._came.notify_all()

    def _keeper(self, name: str) -> Any:  # noqa: ANN401 - what the library takes
        def keep(said: Any = None) -> None:  # noqa: ANN401
            with self._came:
                self._lists[name] = said
                self._came.notify_all()

        return keep

    def _complete(self) -> bool:
        """Whether all lists came, and an `info` that names a version: the one before the sign-in does not."""
        info = self._lists.get("info")
        return self._lists.keys() >= set(LISTS) and isinstance(info, dict) and bool(info.get("version"))

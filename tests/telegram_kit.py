"""What the tests of Telegram share: the stand-in for its Bot API on loopback, and people who talk there."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

from noc.fleet.chatting import Telegram
from noc.lab.services.telegram.server import Server

TOKEN = "4242:" + "canaryTelegramTokenABCDEFGHIJKLMNOP"
GROUP = -1001234567890
DEADLINE_S = 30.0


class Chat:
    """The stand-in, seen from the people's side, through the side entrance that the lab uses as well."""

    def __init__(self, base: str) -> None:
        self.base, self.settings = base, Telegram(chat=GROUP, api=base)
        self.trust = ssl._create_unverified_context()  # the side entrance is the test's own
        self.act("chat", id=GROUP, type="supergroup", title="Operations")

    def act(self, word: str, **given: Any) -> Any:
        body = json.dumps(given).encode()
        request = Request(f"{self.base}/_stand-in/{word}", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=DEADLINE_S, context=self.trust) as answer:
            return json.load(answer)["result"]

    def say(self, person: int, text: str, chat: int | None = None, **more: Any) -> int:
        where = {} if chat is None else {"chat": chat}
        return int(self.act("say", **{"from": person}, text=text, **where, **more))

    def press(self, person: int, data: str, message: int, chat: int = GROUP) -> str:
        return str(self.act("press", **{"from": person}, chat=chat, message=message, data=data))

    def messages(self, chat: int = GROUP) -> list[dict[str, Any]]:
        return list(self.act("messages", chat=chat))

    def said(self, chat: int = GROUP) -> list[str]:
        """What the bot has said in a chat."""
        return [message["text"] for message in self.messages(chat) if message["from"]["is_bot"]]

    def refuse(self, method: str, status: int, description: str, times: int = 1, **parameters: int) -> None:
        self.act("refuse", method=method, status=status, description=description, times=times, parameters=parameters)

    async def until(self, holds: Callable[[], Any]) -> Any:
        """What a condition gives once it gives something; fails with what was said in the group by then."""
        end = time.monotonic() + DEADLINE_S
        while not (found := await asyncio.to_thread(holds)):
            assert time.monotonic() < end, self.messages()
            await asyncio.sleep(0.02)
        return found


@contextmanager
def telegram(tls: ssl.SSLContext | None = None) -> Iterator[Chat]:
    """The stand-in on loopback; by TLS where it has a certificate for localhost."""
    server = Server(("127.0.0.1", 0), TOKEN, tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        port = server.server_address[1]
        yield Chat(f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

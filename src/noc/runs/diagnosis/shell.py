"""An interactive shell on a node, as the runner hands it on: keys in, screen out, nothing of it kept.

The client says `{"keys": base64}` and `{"size": [columns, rows]}`, and gets `{"screen": base64}`, at last `{"exit"}`.
"""

import asyncio
import binascii
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from noc.hosts.channel import Terminal
from noc.hosts.shell import Channel
from noc.runs.diagnosis.errors import BadTalk, ShellIdle

MAX_KEYS = 32 * 1024
MAX_SIDE = 2000
IDLE_S, MAX_IDLE_S = 900.0, 14_400.0
_AHEAD = 8
_LAST_S = 5.0

Said = AsyncIterator[Mapping[str, Any]]
Answer = dict[str, Any]


def read_terminal(request: Mapping[str, Any]) -> Terminal:
    """The client's terminal: `term`, `size`. Raises BadTalk."""
    kind = str(request.get("term") or "dumb")
    if len(kind) > 64 or not all(char.isascii() and (char.isalnum() or char in "-+._") for char in kind):
        raise BadTalk("the terminal's kind cannot be used", why=f"{kind[:64]!r}", fix="TERM=xterm noc ssh NODE")
    columns, rows = read_size(request.get("size"))
    return Terminal(kind, columns, rows)


def read_size(value: object) -> tuple[int, int]:
    """Columns and rows. Raises BadTalk."""
    match value:
        case [int(columns), int(rows)] if 1 <= columns <= MAX_SIDE and 1 <= rows <= MAX_SIDE:
            return columns, rows
        case _:
            raise BadTalk("a window's size makes no sense", why=f"{str(value)[:60]}: two numbers up to {MAX_SIDE}")


def read_keys(value: object) -> bytes:
    """Keys that were pressed. Raises BadTalk."""
    try:
        keys = b64decode(str(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadTalk("keys make no sense", why=str(error)) from None
    if len(keys) > MAX_KEYS:
        raise BadTalk("too many keys at once", why=f"{len(keys)} bytes, and {MAX_KEYS} are allowed")
    return keys


async def converse(channel: Channel, said: Said, idle_s: float) -> AsyncGenerator[Answer, None]:
    """Hand on what is typed and what is shown, until the shell ends or the client goes away.

    Args:
        channel: the shell, in a terminal.
        said: what the client says, until it goes away.
        idle_s: seconds without a key after which it is ended.

    Yields:
        `{"screen": base64}`, and `{"exit": status}` where the shell has ended by itself.

    Raises:
        BadTalk: the client said what makes no sense.
        ShellIdle: nobody typed.
        ConnectionLost: the way to the node broke.
    """
    screen: asyncio.Queue[Answer] = asyncio.Queue(_AHEAD)
    obeying = asyncio.create_task(_obey(channel, said, idle_s))
    showing = asyncio.create_task(_show(channel, screen))
    try:
        while True:
            getting = asyncio.create_task(screen.get())
            done, _ = await asyncio.wait({getting, obeying, showing}, return_when=asyncio.FIRST_COMPLETED)
            if getting in done:
                yield getting.result()
                continue
            getting.cancel()
            if obeying in done:
                obeying.result()
                return
            break
        showing.result()
        while not screen.empty():
            yield screen.get_nowait()
        async with asyncio.timeout(_LAST_S):
            status = await channel.status()
        yield {"exit": status}
    finally:
        obeying.cancel()
        showing.cancel()
        await channel.close()
        await asyncio.gather(obeying, showing, return_exceptions=True)


async def _show(channel: Channel, screen: "asyncio.Queue[Answer]") -> None:
    async with aclosing(channel.heard()) as heard:
        async for _, piece in heard:
            await screen.put({"screen": b64encode(piece).decode()})


async def _obey(channel: Channel, said: Said, idle_s: float) -> None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(idle_s) as idle:
            async for message in said:
                if "keys" in message:
                    idle.reschedule(loop.time() + idle_s)
                    await channel.write(read_keys(message["keys"]))
                elif "size" in message:
                    channel.resize(*read_size(message["size"]))
                else:
                    raise BadTalk("a shell takes keys and sizes", why=f"it was told {sorted(message)[:3]}"[:200])
    except TimeoutError:
        raise ShellIdle("the shell was ended", why=f"nothing was typed for {idle_s:g} s", fix="noc ssh again") from None

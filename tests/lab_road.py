"""Real SSH from a lab's HQ to its nodes: a relay from a loopback port of this machine, through HQ, to one address."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from noc.hosts.ssh import SSHShell, Target, Trust, connect
from noc.hosts.trust import KeyPair
from noc.lab.lab import Lab

_PIPE = """
import selectors, socket, sys, os
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)
peer.settimeout(None)
selector = selectors.DefaultSelector()
selector.register(0, selectors.EVENT_READ)
selector.register(peer, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        data = os.read(0, 65536) if key.fd == 0 else peer.recv(65536)
        if not data:
            sys.exit()
        peer.sendall(data) if key.fd == 0 else sys.stdout.buffer.write(data) and sys.stdout.buffer.flush()
"""


@dataclass
class Road:
    """The way from HQ to the lab's machines, with one client key that all of them accept."""

    lab: Lab
    key: KeyPair
    key_file: Path
    hq: str = "zurich"
    servers: list[asyncio.Server] = field(default_factory=list)
    journeys: list[asyncio.Task[None]] = field(default_factory=list)

    async def connect(self, name: str, address: str, trust: Trust, *, timeout_s: float = 15) -> SSHShell:
        """Log in as root on a machine, by its public or its tunnel address."""

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            argv = self.lab.console(self.hq, "python3", "-c", _PIPE, address, "22")
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe)
            assert process.stdin and process.stdout
            try:
                await asyncio.gather(_copy(reader, process.stdin), _copy(process.stdout, writer))
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.journeys.append(asyncio.create_task(relay(reader, writer)))

        server = await asyncio.start_server(carry, "127.0.0.1", 0)
        self.servers.append(server)
        port = server.sockets[0].getsockname()[1]
        return await connect(Target(name, "127.0.0.1", self.key_file, trust, port), timeout_s=timeout_s)

    async def close(self) -> None:
        """Take down every relay."""
        for server in self.servers:
            server.close()
        for journey in self.journeys:
            journey.cancel()
        await asyncio.gather(*self.journeys, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, BrokenPipeError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(ConnectionError, BrokenPipeError):
        writer.close()

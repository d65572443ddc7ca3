from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from loopback_sshd import LoopbackSshd
from noc.hosts.ssh import Pinned, connect
from noc.hosts.sshshell import SSHShell
from node_tree import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path)
    yield made
    made.close()


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[SSHShell]:
    directory = tmp_path / "sshd"
    directory.mkdir()
    server = LoopbackSshd(directory)
    opened = await connect(server.target(Pinned(server.fingerprint)))
    yield opened
    await opened.close()
    server.close()

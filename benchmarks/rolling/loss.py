"""Whether a fleet deployment loses requests: a steady load on every node, with the held socket and without it."""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from rolling import load
from rolling.contest import one
from rolling.house import Failed, House
from rolling.tools import Noc

_T = TypeVar("_T")
BEFORE_S = AFTER_S = 3.0
"""Seconds of load before the deployment and after it."""
OWN_SOCKET = """
cp /etc/systemd/system/clavitor.service /root/clavitor.service
sed -i '/clavitor.socket/d' /etc/systemd/system/clavitor.service
systemctl daemon-reload
systemctl stop clavitor.socket clavitor.service
systemctl mask --runtime clavitor.socket
systemctl start clavitor.service
"""
"""The same service without the socket: as most services do, it opens its own, and closes it when it ends."""
Counted = dict[str, Any]


def loaded_deploy(house: House) -> Counted:
    """Deploy under load: sent, streams, failed by kind, slowest in seconds, and the deployment's own seconds."""
    counted, sample = under_load(house, lambda: one(house, Noc()))
    return {**counted, "deploy_s": sample.seconds}


def under_load(house: House, work: Callable[[], _T]) -> tuple[Counted, _T]:
    """Do something under load: sent, streams, failed by kind, slowest in seconds; and what came of it."""
    stop = house.work / "stop"
    stop.unlink(missing_ok=True)
    with ThreadPoolExecutor(1) as pool:
        counted = pool.submit(_load, house, str(stop))
        try:
            time.sleep(BEFORE_S)
            done = work()
            time.sleep(AFTER_S)
        finally:
            stop.touch()
        return counted.result(load.WITHIN_S * 2), done


def own_sockets(house: House) -> None:
    """From now on no node's socket is held while its service changes."""
    house.everywhere(lambda node: house.on(node, "sh", "-euc", OWN_SOCKET))


def lost(counted: Counted) -> int:
    """How many requests were not answered."""
    return sum(counted["failed"].values())


def _load(house: House, stop: str) -> Counted:
    targets = [f"{house.hostnames[node]}={house.lab.address(node)}" for node in house.nodes]
    argv = (sys.executable, load.__file__, str(house.lab.trust_bundle), stop, *targets)
    done = house.lab.stranger_exec(*argv, timeout_s=load.LONGEST_S + 60)
    if done.returncode:
        raise Failed(f"the load ended with {done.returncode}: {done.stderr.decode()[-1000:]}")
    counted: Counted = json.loads(done.stdout)
    return counted

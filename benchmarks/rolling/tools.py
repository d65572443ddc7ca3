"""The tools that are compared: ours, and its peers from the package index, each told to do the same in its own words.

All of them run on HQ as root, know the nodes' host keys, use HQ's key, and restart and look in the same way: the link
`current` is replaced, the service restarted, and the node's own /health has to answer 200 with the new version before
the next node is touched.
"""

import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

from noc.hosts.systemd import HOST_KEY
from rolling.house import House, Sample
from rolling.payload import Payload

PINS = ("ansible-core==2.19.14", "pyinfra==3.10.0")
PYTHON = "/usr/bin/python3"
"""The distribution's, which HQ in the lab has too."""
SSH = "-o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/root/peers/known_hosts"
KEY = "/etc/noc-credentials/ssh_key"
HOME = "/root/peers"
VENV = "/opt/peers"

ANSIBLE_CFG = f"""\
[defaults]
inventory = {HOME}/hosts.ini
host_key_checking = True
forks = 20
interpreter_python = /usr/bin/python3
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=60s {SSH}
"""
PLAYBOOK = """\
- hosts: nodes
  gather_facts: false
  serial: 1
  max_fail_percentage: 0
  tasks:
    - ansible.builtin.copy:
        src: "{{ directory }}/clavitor.pyz"
        dest: "/opt/clavitor/releases/{{ sha }}/"
        mode: "0755"
    - ansible.builtin.shell: >-
        ln -s releases/{{ sha }} /opt/clavitor/next && mv -T /opt/clavitor/next /opt/clavitor/current &&
        systemctl restart clavitor.service
    - ansible.builtin.uri:
        url: http://127.0.0.1:8080/health
      register: answer
      until: answer.json is defined and answer.json.version == version
      retries: 100
      delay: 0.1
"""
PYINFRA = """\
from pyinfra import host
from pyinfra.operations import files, server

release = f"/opt/clavitor/releases/{host.data.sha}"
if "stage" in host.data.steps:
    files.put(src=f"{host.data.directory}/clavitor.pyz", dest=f"{release}/clavitor.pyz", mode="755")
if "activate" in host.data.steps:
    server.shell(
        commands=[
            f"ln -s releases/{host.data.sha} /opt/clavitor/next && mv -T /opt/clavitor/next /opt/clavitor/current",
            "systemctl restart clavitor.service",
            "for try in $(seq 200); do curl -s --max-time 5 http://127.0.0.1:8080/health"
            f" | grep -qF '\\"version\\":\\"{host.data.version}\\"' && exit 0; sleep 0.05; done; exit 1",
        ]
    )
"""


class Tool(ABC):
    """A way to roll a release over all nodes."""

    name: str
    foreign = True
    """Whether it leaves releases that noc knows nothing of."""

    @abstractmethod
    def run(self, house: House, payload: Payload) -> Sample:
        """Roll a release, which lies on HQ already, over all nodes; what it cost."""


class Noc(Tool):
    """Ours, as an operator calls it: runner, journal, activators, signed releases, rollback on any doubt."""

    name, foreign = "noc deploy", False

    def run(self, house: House, payload: Payload) -> Sample:
        """`noc deploy all VERSION`."""
        return house.noc("deploy", "all", payload.version)


class Ansible(Tool):
    """ansible-core, one node at a time."""

    name = "ansible serial 1, pipelining"

    def run(self, house: House, payload: Payload) -> Sample:
        """One playbook."""
        words = f"sha={payload.sha256} version={payload.version} directory={_on_hq(payload)}"
        play = (f"{VENV}/bin/ansible-playbook", f"{HOME}/rolling.yml", "--extra-vars", words)
        return house.measure("env", f"ANSIBLE_CONFIG={HOME}/ansible.cfg", f"{VENV}/bin/python", *play)


class PyinfraSerial(Tool):
    """pyinfra, everything for one node, then for the next."""

    name = "pyinfra --serial"

    def run(self, house: House, payload: Payload) -> Sample:
        """One run."""
        return house.measure(*_pyinfra(payload, "stage+activate", "--serial", "--fail-percent", "0"))


class PyinfraStaged(Tool):
    """pyinfra at its best: everything is copied at once, then one node is restarted after the other."""

    name = "pyinfra, staged: two runs"

    def run(self, house: House, payload: Payload) -> Sample:
        """Two runs."""
        stage = _pyinfra(payload, "stage", "--fail-percent", "0")
        activate = _pyinfra(payload, "activate", "--serial", "--fail-percent", "0")
        return house.measure("sh", "-ec", f"{' '.join(stage)} && {' '.join(activate)}")


def _pyinfra(payload: Payload, steps: str, *options: str) -> list[str]:
    data = {"steps": steps, "sha": payload.sha256, "version": payload.version, "directory": _on_hq(payload)}
    pairs = [word for name, value in data.items() for word in ("--data", f"{name}={value}")]
    program = [f"{VENV}/bin/python", f"{VENV}/bin/pyinfra", "-y", *options, *pairs]
    return [*program, f"{HOME}/inventory.py", f"{HOME}/rolling.py"]


def _on_hq(payload: Payload) -> str:
    return f"/root/{payload.directory.name}"


TOOLS: tuple[Tool, ...] = (Noc(), PyinfraStaged(), PyinfraSerial(), Ansible())


def install_peers(house: House, venv: Path) -> None:
    """Install the peers beside noc on HQ, and tell them the nodes.

    Args:
        house: the lab.
        venv: where their virtual environment is made on this machine, and kept for the next time.
    """
    make_venv(venv)
    shutil.copytree(venv, house.lab.disk(house.hq.name) / VENV[1:], symlinks=True)
    for name, text in _files(house).items():
        house.write(house.hq.name, f"{HOME[1:]}/{name}", text.encode())


def make_venv(venv: Path) -> None:
    """Make the peers' virtual environment from the package index that pip is configured with."""
    if (venv / "pins").exists() and (venv / "pins").read_text().split() == list(PINS):
        return
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([PYTHON, "-m", "venv", str(venv)], check=True, timeout=120)
    pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *PINS], check=True, capture_output=True, timeout=600)
    (venv / "pins").write_text("\n".join(PINS))


def _files(house: House) -> dict[str, str]:
    keys = {node: house.on(node, "ssh-keygen", "-y", "-f", HOST_KEY) for node in house.nodes}
    known = [f"{house.tunnels[node]} {' '.join(key.split()[:2])}" for node, key in keys.items()]
    options = {
        "ssh_user": "root",
        "ssh_key": KEY,
        "ssh_known_hosts_file": f"{HOME}/known_hosts",
        "ssh_strict_host_key_checking": "yes",
        "ssh_allow_agent": False,
        "ssh_look_for_keys": False,
    }
    hosts = [(str(house.tunnels[node]), options) for node in house.nodes]
    variables = f"ansible_user=root ansible_ssh_private_key_file={KEY}"
    return {
        "ansible.cfg": ANSIBLE_CFG,
        "rolling.yml": PLAYBOOK,
        "rolling.py": PYINFRA,
        "inventory.py": f"nodes = {hosts!r}\n",
        "known_hosts": "\n".join(known) + "\n",
        "hosts.ini": "[nodes]\n" + "".join(f"{house.tunnels[node]} {variables}\n" for node in house.nodes),
    }

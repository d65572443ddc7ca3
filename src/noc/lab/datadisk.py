"""A data disk of its own for a machine's service, so that it can be filled: machines of a lab share one file system.

It is a small file system in memory over the directory of the service's data, which it begins with. A reboot takes it
away, and with it what was written since; a drill fills it, and nobody else runs out of room.
"""

SIZE_MIB = 32
DATA = "/var/lib/clavitor"
_UNITS = "clavitor.socket clavitor.service"


def script() -> str:
    """The shell script that mounts it, where it is not mounted yet."""
    return f"""\
mountpoint -q {DATA} && exit 0
systemctl stop {_UNITS}
trap 'systemctl start {_UNITS}' EXIT
tar -C {DATA} -cf /run/noc-lab-data.tar .
mount -t tmpfs -o size={SIZE_MIB}m,mode=0700 noclab-data {DATA}
tar -C {DATA} -xpf /run/noc-lab-data.tar
rm /run/noc-lab-data.tar
"""

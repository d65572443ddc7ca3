"""What can go wrong with the lab."""

from noc.errors import NocError


class LabNeeds(NocError):
    """The lab boots real hosts: it needs root on Linux and a few programs of the host's distribution.

    `tools/packages.sh lab` installs the programs.
    """

    code, exit_code = "E701", 5


class LabDown(NocError):
    """No lab is running here. `noc lab up` starts one; NOC_LAB_DIR names another lab's directory."""

    code, exit_code = "E702", 4


class LabBusy(NocError):
    """A lab is already running here, with other machines than those asked for. `noc lab down` ends it."""

    code = "E703"


class ImageFailed(NocError):
    """An image could not be made. What was half made is removed; the next `noc lab up` begins anew."""

    code = "E704"


class BootFailed(NocError):
    """A machine of the lab did not come up within its deadline, or one of the lab's services did not answer."""

    code = "E705"


class NoSuchMachine(NocError):
    """The lab that is running has no machine of that name. `noc lab status` lists them."""

    code, exit_code = "E706", 4


class MachineOff(NocError):
    """The machine is powered off: nothing can run inside. `noc lab boot NAME` starts it."""

    code = "E707"


class CommandFailed(NocError):
    """A program that the lab leans on (ip, mount, systemd-nspawn) refused; its last words are the cause."""

    code = "E708"


class RequestRefused(NocError):
    """The lab's supervisor could not do what it was asked to do."""

    code = "E709"


class HqRefused(NocError):
    """A command on the lab's HQ ended with another status than it should; its own words are the cause."""

    code = "E710"


class OperatorRefused(NocError):
    """A command on the operator's machine ended with another status than it should; its own words are the cause."""

    code = "E711"

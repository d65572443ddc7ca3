"""What can go wrong between a plan and its verdicts. Codes E501 to E599."""

from typing import ClassVar

from noc.errors import NocError


class CallerRefused(NocError):
    """The runner does not do that for whoever asks, known by their socket's peer credentials.

    It holds the fleet's SSH key, so who may talk to it may change every node: root and members of `noc-operators`, each
    by the role that fleet.toml gives. Add a person with `usermod -aG noc,noc-operators NAME` and let them log in again.
    The bot, the watch and the agent get what a table names, for themselves and for people; docs/people.md has it.
    """

    code, exit_code = "E501", 5


class RunnerAbsent(NocError):
    """No runner listens on the socket. On HQ it is the unit `noc-runner`; `NOC_RUNNER_SOCKET` names another socket.

    `systemctl status noc-runner` says why it is not there. A run that had begun is not lost by this: its journal lies
    in /var/lib/noc/runs, and the runner says at its next start how each cut run goes on.
    """

    code: ClassVar[str] = "E502"


class FleetBusy(NocError):
    """Another run is changing the fleet. One at a time: two rollouts that overlap would judge each other's nodes.

    Follow the one that is running with `noc run show ID --follow`, and start yours when it has ended.
    """

    code, exit_code = "E503", 7


class PlanRefused(NocError):
    """The plan does not hold: its digest is not that of its content, or it names a node or release that is not there.

    A plan is made by the runner from the fleet as it is. Ask for a new one by giving the command again.
    """

    code, exit_code = "E504", 6


class RunTakenOver(NocError):
    """Another runner has gone on with this run, so this one may not write to its journal any more.

    A runner that was stopped for longer than its lease lasts is replaced; what it does when it wakes is refused by the
    nodes. `noc run show` of this run tells what became of it, `noc lease` who may act now.
    """

    code, exit_code = "E505", 7


class StepTimedOut(NocError):
    """A step had not ended by its deadline, and was given up. Steps check first, so the run can simply be repeated."""

    code, exit_code = "E506", 8


class JournalBroken(NocError):
    """A run's journal does not hold together: a record was changed, is missing, or is not JSON.

    Only a last line that was cut while it was written is tolerated, since that is what a power cut leaves. Anything
    else means that the file was touched; keep it as evidence, and give the command again to start a new run.
    """

    code: ClassVar[str] = "E507"


class CredentialExposed(NocError):
    """A credential is missing, or others could read it.

    The runner reads `ssh_key` and `host_ca` from `$CREDENTIALS_DIRECTORY`, which systemd fills from
    /etc/noc-credentials (directory 0700, files 0600). `noc hub install` puts both right.
    """

    code, exit_code = "E508", 6


class RunNotFound(NocError):
    """No run has that id. `noc run list` shows those that are kept."""

    code, exit_code = "E509", 4


class MachineUnfit(NocError):
    """A machine cannot become a node as it is: too little memory or disk, no systemd, or a clock that is far off.

    Certificates, release expiry and heartbeats all depend on the clock: set it (`timedatectl set-ntp true`) first.
    """

    code: ClassVar[str] = "E510"


class WatchAbsent(NocError):
    """The watch server did not answer on its local socket.

    Without it no heartbeat can be seen, so that nothing could be proven: runs that need the proof do not begin.
    `systemctl status noc-watch` says why it is not there.
    """

    code: ClassVar[str] = "E511"


class NotProven(NocError):
    """A node did not show what it should: the expected version, a new process, its heartbeat, steady over the soak.

    A rollout turns such a node back to the release that it ran before, and leaves the others untouched.
    """

    code: ClassVar[str] = "E512"


class RunCut(NocError):
    """A run ended before its last node, because the runner was stopped or the machine went down.

    Nothing is half-way: a node whose activation was not confirmed has turned back by itself, or waits for its answer.
    `noc run resume` goes on with a rollout where it was; any other command is given again, finds unchanged what was
    done, and does the rest.
    """

    code, exit_code = "E513", 3


class BadRequest(NocError):
    """The runner was asked something that it does not understand: client and runner may be of different versions."""

    code, exit_code = "E514", 2


class NothingToInstall(NocError):
    """No release is in the store, so that there is nothing that a node could run.

    Build and sign one on the operator's machine (`noc release build`, `noc release sign`) and bring it to HQ with
    `noc release add`.
    """

    code, exit_code = "E515", 4


class RotationUndone(NocError):
    """A node's new tunnel key did not carry the tunnel in time, so that both ends went back to the old one."""

    code: ClassVar[str] = "E516"


class HandshakeMissing(NocError):
    """The hub has not seen a handshake of the node's tunnel.

    WireGuard never answers a stranger, so silence has few causes: UDP to the hub's port is dropped on the way, the
    node's endpoint is not HQ's address, or one side holds an old key. `wg show` on both ends tells them apart.
    """

    code, exit_code = "E517", 8


class NodeBlocked(NocError):
    """Before anything was touched, something was found that would make the run fail. All of it is named at once."""

    code, exit_code = "E518", 1


class StageRefused(NocError):
    """A node refuses a release that was sent to it: hash, signature, product, expiry or build are not as they must be.

    `sha`, `signature`, `untrusted`: the files are not what a trusted signer signed; build and sign the release again.
    `expired`, `old`: it was signed, and this node will not take it as new. Nothing was changed on the node.
    """

    code: ClassVar[str] = "E519"


class HubElsewhere(NocError):
    """`fleet.toml` does not name the address that HQ is to move to. It is written by hand: the command only checks."""

    code, exit_code = "E583", 2

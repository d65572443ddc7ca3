"""Why a run may not begin, and why somebody in a chat or on a page is not listened to. Codes E530 to E554, E556."""

from noc.errors import NocError


class NotAnApprover(NocError):
    """This person may not approve this plan.

    Only people with the role `approver` in fleet.toml approve, and root on HQ, who stands above it. Under the rule
    `another` it has to be somebody else than the one who asked; under `delayed` the one who asked may do it himself,
    once the delay is over. `noc pending` says what each plan needs.
    """

    code, exit_code = "E530", 5


class NotApproved(NocError):
    """The plan needs an approval that it does not have.

    How risky a plan is decides who has to agree, as [approval] in fleet.toml says. `noc pending` shows what waits and
    for whom, `noc approve` gives an approval.
    """

    code, exit_code = "E531", 7


class ApprovalExpired(NocError):
    """The request, or the approval that it got, is too old.

    `expires` in [approval] of fleet.toml says how long it is good. Give the command again; the runner then makes a plan
    from the fleet as it is now.
    """

    code, exit_code = "E532", 7


class ApprovalUsed(NocError):
    """The approval was used by a run already. It is good for one run, whether or not that run came to its end.

    A run that was cut goes on with `noc run resume`, under the approval that it began with; anything else is a new
    plan.
    """

    code, exit_code = "E533", 7


class ApprovalDenied(NocError):
    """Somebody said no to this plan, and why. Talk to that person; a new plan may be asked for at any time."""

    code, exit_code = "E534", 7


class RequestNotFound(NocError):
    """No request for an approval has that digest or phrase. `noc pending` lists those that wait.

    A request is named by eight or more digits of its plan's digest, by its four words, or as `last`.
    """

    code, exit_code = "E535", 4


class TooManyRequests(NocError):
    """So many requests wait for an approval already that another one would only hide them.

    `noc pending` lists them; `noc deny` ends those that are not wanted any more. Each ends by itself when it expires.
    """

    code, exit_code = "E536", 7


class SignatureRefused(NocError):
    """The signature does not approve this plan.

    It must be made over this plan's own statement (`noc approve --statement` prints it), in the namespace
    `noc-approval`, with the key that fleet.toml gives as the `ssh_key` of the person who approves. A signature names
    that person, whoever is logged in.
    """

    code, exit_code = "E537", 5


class StoreExposed(NocError):
    """Others could write the directory in which approvals lie, and so approve whatever they want.

    It has to belong to the runner's user, with mode 0700. `noc hub install` puts that right.
    """

    code, exit_code = "E538", 6


class FleetFrozen(NocError):
    """A freeze of the fleet file holds: no run begins inside it, but a rollback, and one that says why it cannot wait.

    `[[freeze]]` in fleet.toml names the windows, weekly or once, each with its zone and reason. A run that has begun
    is not touched by a window that begins. `--override-freeze REASON` makes the plan a high risk, and the reason is
    kept with it.
    """

    code, exit_code = "E540", 7


class Halted(NocError):
    """Somebody halted the fleet: runs end at their next step, and none begins until the halt is lifted.

    `noc halt --show` says who, when and why; `noc halt --lift` lets runs begin again. A run that was ended by a halt is
    gone on with by `noc run resume`.
    """

    code, exit_code = "E541", 7


class LeaseLost(NocError):
    """A run no longer holds the fleet's lease, so that it changes nothing any more.

    The runner slept through its expiry (the machine was suspended, stopped, or its disk stood still), and another run
    may have taken over since. Nodes refuse it as well, by its fence number. What was left open on a node turns back by
    itself; start the run again, or go on with it, once no other is under way.
    """

    code, exit_code = "E542", 7


class LeaseUnreadable(NocError):
    """The file of the lease is there, and cannot be understood: it was changed by hand, or the disk has damaged it.

    Who holds the lease cannot be known then, so that no run begins. Look for a runner that is under way
    (`systemctl status noc-runner`, `noc run list`); where there is none, remove the file.
    """

    code, exit_code = "E543", 7


class FenceUnreadable(NocError):
    """The file of the fence numbers cannot be understood, and a number that was given already must not be given again.

    Nodes keep the highest number that they have seen, in /var/lib/noc-node/fence. Write a higher one into the file.
    """

    code, exit_code = "E544", 7


class FencesUnknown(NocError):
    """HQ was restored from a backup, which may be older than what happened since, so that it asks every node first.

    No fence number that a node has seen may be given again. Nothing begins before all nodes have answered; a node that
    is down for long is gone on without by `noc hub restored --without NODE`, which the audit notes.
    """

    code, exit_code = "E548", 7


class AnotherHq(NocError):
    """Nodes have seen fence numbers of an HQ that was restored elsewhere: the fleet is that one's, and not ours.

    Two HQs would undo each other's work. This one begins nothing any more and lets no node in. Switch it off; should it
    be the one that goes on, `noc lease --above N` with the number that nodes have seen takes the fleet back.
    """

    code, exit_code = "E549", 7


class RestoredUnreadable(NocError):
    """What a restore left for the runner is there, and cannot be understood, so that nothing begins."""

    code, exit_code = "E550", 7


class JobNotScheduled(NocError):
    """HQ does by itself what `[[schedule]]` of fleet.toml says, and no more. `noc schedule` lists the jobs there."""

    code, exit_code = "E539", 4


class Stranger(NocError):
    """Nobody whom fleet.toml lists is linked to this identity, so that it may ask for nothing.

    A person links a chat on HQ: `noc link telegram` gives a one-time code, which is sent to the bot as `/link CODE`.
    Who is no more in `[[people]]` is a stranger again. `noc who` lists everybody with their chats.
    """

    code, exit_code = "E551", 5


class CodeRefused(NocError):
    """The one-time code links nothing: it is wrong, was used, is too old, or is one of another channel.

    A code of `noc link` is good for ten minutes and for one use, and the runner forgets it when it starts anew. Wrong
    codes are counted: five an hour from one identity, fifty from all, and then no code counts until an hour is over.
    """

    code, exit_code = "E552", 5


class LinkRefused(NocError):
    """This identity cannot be linked to this person.

    An identity belongs to one person, and a person has a few of them. `noc who` says whose it is, `noc unlink` ends it.
    Logins of services, root, and agents have no chat.
    """

    code, exit_code = "E553", 5


class IdentitiesUnreadable(NocError):
    """The file of linked identities was damaged, or others could write it, so that nobody in a chat is known.

    It belongs to noc-runner, with mode 0600. A backup of HQ has it; without one, remove it, and let people link anew.
    """

    code, exit_code = "E554", 6


class TooOften(NocError):
    """A service, or a person in a chat, has asked for the same so often that a loop is more likely than a wish.

    A hundred and twenty times an hour are let through, of each operation that does something or asks nodes. A person's
    command on HQ is not counted.
    """

    code, exit_code = "E556", 7

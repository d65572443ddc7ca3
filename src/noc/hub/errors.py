"""What can go wrong with HQ itself: one class a cause, E801 to E859."""

from noc.errors import NocError


class AlreadyMade(NocError):
    """`noc init` makes identities once. Making them again would orphan every backup and release made with the old."""

    code, exit_code = "E801", 2


class KeyNotMade(NocError):
    """`ssh-keygen` could not make a key pair."""

    code = "E802"


class UnsupportedHost(NocError):
    """HQ runs Debian 12 or newer, or Ubuntu 24.04 or newer, with systemd. This machine is something else."""

    code = "E803"


class NoFleet(NocError):
    """The fleet directory is missing or holds no fleet.toml. HQ cannot be installed without knowing its own fleet."""

    code, exit_code = "E804", 6


class NoTrust(NocError):
    """The public halves that `noc init` made, `signers` and `recipients`, are not where they were looked for."""

    code, exit_code = "E805", 6


class StepFailed(NocError):
    """A step of HQ's installation failed. What was done before stays; running it again goes on from there."""

    code = "E806"


class BadPeers(NocError):
    """The list of tunnel peers holds something that root must not apply.

    The runner writes the list and root applies it, so root checks it: each peer owns exactly one address, inside the
    tunnel's network, not the hub's own and nobody else's; and nothing but peers stands in the file.
    """

    code = "E807"


class BadRoot(NocError):
    """`acme.ca_root` of the fleet file must name a file of PEM certificates inside the fleet directory.

    The runner may write the fleet file and root reads it, so that root takes certificates out of that file and nothing
    else: otherwise a name would be enough to have any file of HQ published.
    """

    code, exit_code = "E810", 6


class NixTooOld(NocError):
    """No Nix that is new enough for NixOS 25.11 to 26.11 can be had from HQ's distribution.

    HQ needs none where another machine builds, or where systems are brought: see [nixos] in the fleet file.
    """

    code, exit_code = "E811", 6


class EmulationMissing(NocError):
    """HQ has another architecture than its nodes, and its kernel does not run their programs.

    Nearly everything comes from the public cache; the few small parts of a node's own have to be built, by emulation.
    """

    code, exit_code = "E812", 6


class UnknownSecret(NocError):
    """HQ keeps only secrets that a unit reads. No unit reads one of that name."""

    code, exit_code = "E808", 2


class BadSecret(NocError):
    """A secret is one line of printable characters, at most 4,096 of them, given on standard input."""

    code, exit_code = "E809", 2


class BadHubKey(NocError):
    """HQ's own tunnel key, the credential `hub_wg_key`, is missing or no key, so that no tunnel can be brought up.

    It is made by `noc hub install`, and comes back from a backup of HQ with `noc hub restore`. A new one would shut out
    every node until each was brought back by `noc rescue`.
    """

    code, exit_code = "E813", 6


class NoRecipients(NocError):
    """A backup of HQ is encrypted to the public keys in /etc/noc-trust/recipients, and none stands there.

    Without one nobody could open it. `noc init` on the operator's machine made the file; `noc hub install --trust DIR`
    brings it.
    """

    code, exit_code = "E840", 6


class BackupFailed(NocError):
    """A backup of HQ was not made: the disk is full, the watch's database did not pass its check, a file was cut.

    Nothing half made is left, and what was made before stays.
    """

    code = "E841"


class SecondAbsent(NocError):
    """The second place cannot be reached, refuses HQ's key, or takes nothing more.

    The backup stays on HQ, in /var/lib/noc-outgoing, where the newest three are kept; all that waits goes there with
    the next backup that finds it again.
    """

    code = "E842"


class SecondDiffers(NocError):
    """What was read back from the second place is not what was written there. The copy was removed again.

    A disk there that fails is the usual cause. The backup stays on HQ, as when the place cannot be reached.
    """

    code = "E843"


class AlreadyHq(NocError):
    """A backup is put back on a machine that is no HQ yet, so that nothing of one that works is overwritten.

    One that was cut goes on when the command is given again, or by `noc hub install` once its files are there.
    """

    code, exit_code = "E844", 2


class BadArchive(NocError):
    """What was given is no backup of an HQ as `noc hub backup` writes it: other files, links, names, sizes or counts.

    It is refused as a whole, and nothing of it was put anywhere. Who can write to the second place can put a file of
    their own there; they cannot make one with HQ's keys in it.
    """

    code = "E845"


class ArchiveDamaged(NocError):
    """A backup of HQ ends too early, or a file in it is not what the backup's own list says. Take an older one."""

    code = "E846"


class NewerBackup(NocError):
    """The backup was made by a newer noc than the one that is installed here, which may not understand it."""

    code, exit_code = "E847", 6


class WrongRestore(NocError):
    """A backup fits together no more than this: its fleet file or its keys are not those that belong to each other."""

    code, exit_code = "E848", 6


class UpgradeRefused(NocError):
    """A file of another noc was not installed: it is not the one that was meant, or this HQ does not go back to it.

    Nothing was changed. The hash of the file is what `tools/dist.py` printed where it was built; `sha256sum FILE` says
    it, too. A release that is older than the installed one knows less of the database, so it is put in place by
    restoring a backup, not by an upgrade.
    """

    code, exit_code = "E850", 2


class RunUnderWay(NocError):
    """A run acts on the fleet, and its runner must not be replaced under it.

    `noc lease` says who holds the fleet. Wait for its end, or stop it with Ctrl-C where it was begun.
    """

    code, exit_code = "E851", 7


class MigrationFailed(NocError):
    """The new noc cannot take over the watch's database: its migration failed on a copy, or left one that is not whole.

    HQ works as before, with the noc that was installed; the database itself was not touched.
    """

    code = "E852"


class UpgradeFailed(NocError):
    """The new noc was started and did not show that it works, so HQ went back to the one before.

    Every push that was acknowledged meanwhile is in the database that the old one goes on with.
    """

    code = "E853"


class NotUpgradable(NocError):
    """This noc was not installed from its distributed file, so there is no place beside it for another version."""

    code, exit_code = "E854", 6


class NotInstalled(NocError):
    """`noc hub apply` brings an HQ to its fleet file. This machine is none yet: `noc hub install` makes it one."""

    code, exit_code = "E855", 6


class JobTooLong(NocError):
    """A job of the schedule took longer than `within` of its table allows. A run that it began goes on by itself.

    Give it more minutes where it needs them: a backup takes longer as databases grow.
    """

    code, exit_code = "E856", 8


class LastApprover(NocError):
    """The person is the only approver. Without one nobody could agree to what needs agreement, or change that.

    Make somebody else an approver in `[[people]]` of fleet.toml first.
    """

    code, exit_code = "E817", 7


class StillAnswers(NocError):
    """The fleet file would not hold without the person: somebody else has to answer for what they accepted.

    Each place is named with its line. Put another approver there, or take the entry out, then give the command again.
    """

    code, exit_code = "E818", 6


class NotAPerson(NocError):
    """Only people are offboarded: root and the accounts of HQ's own services are none."""

    code, exit_code = "E819", 2

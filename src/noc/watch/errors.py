"""What can fail in the watch, E6xx."""

from noc.errors import NocError, NotFound, NotPermitted


class CannotListen(NocError):
    """The watch could not open one of its two listeners: the address is taken, or its directory is missing."""

    code = "E601"


class StoreTrouble(NocError):
    """The watch's database could not be written. Pushes are answered 503 until it can, so that nodes push again."""

    code = "E602"


class WatchUnreachable(NocError):
    """The watch's local listener did not answer: the server is not running, or another socket is meant."""

    code = "E603"


class WatchRefused(NocError):
    """The watch answered, but not with what was asked for."""

    code = "E604"


class BadListener(NocError):
    """A listener is written as ADDRESS:PORT, or as unix:PATH; the local one may use the loopback address only."""

    code, exit_code = "E605", 2


class NoSuchFolder(NocError):
    """The directory that should hold the watch's database does not exist, or this user may not write in it."""

    code, exit_code = "E606", 6


class BadRequest(NocError):
    """A request to the watch's local listener says something that it cannot act on."""

    code, exit_code = "E607", 2


class NoSuchDatabase(NocError):
    """There is no watch's database at that path, or this user may not read it."""

    code, exit_code = "E620", 4


class NewerDatabase(NocError):
    """The watch's database has a schema that this release does not know: a newer release has made or changed it."""

    code, exit_code = "E621", 6


class CannotMigrate(NocError):
    """The watch's database could not be brought to this release's schema. It is as it was before."""

    code = "E622"


class IncidentOver(NocError):
    """The incident has ended, so there is nothing left to take over; a note can still be written about it."""

    code, exit_code = "E625", 7


class BadWindow(NocError):
    """A window of maintenance holds for nobody, never, or for too long; docs/watch.md says how to write one."""

    code, exit_code = "E626", 2


class WindowFixed(NocError):
    """A window of the fleet file is changed there, and one of a deployment ends with its run."""

    code, exit_code = "E627", 7


class NothingSaid(NocError):
    """A note says something in at most 2,000 characters."""

    code, exit_code = "E628", 2


class Malformed(NocError):
    """The body of a request to the watch's API is not the JSON document that the operation takes."""

    code, exit_code = "E650", 2


class TooLarge(NocError):
    """The body of a request to the watch's API is larger than the operation takes; it was not read to its end."""

    code, exit_code = "E651", 2


class NotOurName(NocError):
    """The proxy passed a request on that names another host than the fleet's own, so that it was meant for another."""

    code, exit_code = "E645", 2


class ForeignForm(NocError):
    """A form did not come from a page of ours: another site sent it, or the page is older than its session."""

    code, exit_code = "E646", 5


class LinkSpent(NocError):
    """A link to sign in is good once and for ten minutes; this one was used, has expired, or was never one."""

    code, exit_code = "E647", 5


class TooManyTries(NocError):
    """Somebody failed to sign in too often within a minute, from one address; from another one it goes on."""

    code, exit_code = "E648", 7


class NoTunnel(NocError):
    """SSH did not bring HQ's dashboard to this machine: its own words say why."""

    code = "E649"


class CannotTrust(NocError):
    """The certificates of `acme.ca_root` cannot be read. Until they can, no public address is asked."""

    code, exit_code = "E630", 6


class BadDeadManAddress(NocError):
    """The credential `dead_man_url` is no address for HQ's sign of life; until it is mended none goes out."""

    code, exit_code = "E631", 6


class AlertNotSent(NocError):
    """A channel's service did not take a test message. The reason is its own; `noc alert check` looks at the settings.

    A wrong or missing access token is set anew on HQ with `noc hub secret set NAME`. What waits on the channel is kept,
    and goes out when it works again.
    """

    code = "E635"


class CannotPublish(NocError):
    """The public status page could not be written. It lapses within 90 s, and the proxy says so in its place."""

    code = "E652"


class KumaClientMissing(NocError):
    """The library that speaks Uptime Kuma's protocol is not installed: it is an extra, since most fleets need none."""

    code, exit_code = "E660", 6


class KumaAddress(NocError):
    """The address of an Uptime Kuma is `https://NAME[:PORT]`.

    Plain http is taken on this machine and in the tunnel alone, since a password and push tokens go that way.
    """

    code, exit_code = "E661", 2


class KumaUnreachable(NocError):
    """Uptime Kuma did not answer, or what answers there is no Uptime Kuma.

    TLS is always verified: `--ca-root` names the certificates of an authority of one's own.
    """

    code = "E662"


class KumaLoginRefused(NocError):
    """Uptime Kuma did not let us in: name, password or code are wrong, or it was tried too often within a minute."""

    code, exit_code = "E663", 5


class KumaRefused(NocError):
    """Uptime Kuma refused a change; the words are its own. What was done before stays, and the next sync finds it."""

    code = "E664"


class KumaForeign(NocError):
    """Something in Uptime Kuma has a name that ours would need, and was not made by us, so it is left alone.

    Rename it there, or take it over with `--adopt`: it then gets our settings and keeps its history.
    """

    code, exit_code = "E665", 7


class KumaFile(NocError):
    """A file for `noc kuma sync` cannot be used: others may read it, it is too large, or something else."""

    code, exit_code = "E666", 6


class KumaVersion(NocError):
    """This Uptime Kuma is none of the releases 2.x, whose protocol is the one that is spoken here."""

    code, exit_code = "E667", 6


class JobNotScheduled(NotFound):
    """Outcomes are kept of jobs that `[[schedule]]` of the fleet file has. The watch reads that file on a reload."""

    code = "E670"


class NotHeadquarters(NotPermitted):
    """What became of a job or a run is told by HQ itself: by root or the runner's user, on the watch's own socket."""

    code = "E671"


class BadOutcome(NocError):
    """An outcome of a job contradicts itself: only one that runs has no end, and none ends before it began."""

    code, exit_code = "E672", 2


class RunnerAway(NocError):
    """The runner does not answer the watch. Pages go on without it; what waits for an approval they cannot show.

    Approve on HQ meanwhile, once it runs: `noc pending`, `noc approve`.
    """

    code = "E680"


class RunnerUnclear(NocError):
    """The runner answered the watch with something that is no answer: the two may be of different releases of noc."""

    code = "E681"


class RunNotBegun(NocError):
    """A plan was approved on the page, and its run has not begun, for the reason that follows.

    The approval stays until the request expires: approve it again once the reason is gone.
    """

    code, exit_code = "E682", 7


class DecidedElsewhere(NotPermitted):
    """Plans are decided about by a person who has signed in, or is logged in on HQ, and in nobody else's name.

    A program, a token, and the bot of the chats decide nothing on the pages, whoever they speak for.
    """

    code = "E683"


class NotTheBot(NotPermitted):
    """A request said for whom it is made, and is not from the bot of the chats, or names nobody of the fleet file.

    `Noc-For` counts from the login noc-bot on the watch's own socket alone.
    """

    code = "E684"


class DatabaseAway(StoreTrouble):
    """PostgreSQL does not answer, is too slow, or does not let the watch in.

    Pushes are answered 503 until it does, and nobody's silence counts that was heard meanwhile: nodes push again, and
    alerts are told from memory. The watch tries again every second.
    """

    code = "E690"


class DatabaseFull(StoreTrouble):
    """PostgreSQL has no room on its disk. Pushes are answered 503 until it has, so that nodes push again."""

    code = "E691"


class NotCopied(NocError):
    """PostgreSQL holds nothing, and the SQLite file of the watch does: its incidents would be forgotten.

    `noc watch migrate` copies them while the watch serves. To begin with nothing, move the file away.
    """

    code, exit_code = "E692", 6


class NotEmpty(NocError):
    """The database to copy to holds rows that no copy of this file brought, so nothing was changed in it."""

    code, exit_code = "E693", 7


class NotWhole(NocError):
    """After the copy PostgreSQL holds less than the file does. It was taken back, and the file is as it was."""

    code = "E694"

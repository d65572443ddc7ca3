"""What a node's activator answers, read strictly."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

MOST_PACKED = (1 << 20) + 64 * 1024
"""Bytes of a chunk as zlib: 1 MiB that cannot be compressed, and what zlib adds."""
FINAL = frozenset({"confirmed", "rolled-back", "rollback-failed", "refused"})


class Answer(BaseModel):
    """What the activator says. More than is known here is ignored: a node's activator may be younger."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Snapshot(Answer):
    """A verified copy of a node's database.

    Attributes:
        number: its number on the node; they rise.
        run: the run before whose change it was taken.
        at: when, ISO 8601 in UTC.
        release: what ran until then.
        schema_version: the database's schema (`user_version`).
        bytes: its size.
    """

    number: int
    run: str
    at: str
    release: str | None
    schema_version: int = Field(alias="schema")
    bytes: int


class Loss(Answer):
    """What was given up when a snapshot was put back.

    Attributes:
        since, until: the writes of this time are lost, ISO 8601 in UTC.
        seconds: how long that is.
        rows: table → rows that differ; None where they could not be counted.
    """

    since: str
    until: str
    seconds: float
    rows: dict[str, int] | None


ChunkName = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Copied(Answer):
    """A copy of the database that the node has taken for a backup, and put together again from its chunks.

    Attributes:
        bytes: its size.
        page_size: of its pages, in bytes.
        release: what ran then, None for none.
        schema_version: the database's schema.
        chunks: name and clear bytes of each, in order.
        whole: keyed hash of all of it.
        tables, rows: what was counted.
    """

    bytes: int
    page_size: int
    release: str | None
    schema_version: int = Field(alias="schema")
    chunks: Annotated[tuple[tuple[ChunkName, int], ...], Field(max_length=12_000)]
    whole: ChunkName
    tables: int
    rows: int


class Piece(Answer):
    """Part of a chunk.

    Attributes:
        content: in base64.
        bytes: how long the whole chunk is, packed.
    """

    content: str
    bytes: Annotated[int, Field(gt=0, le=MOST_PACKED)]


class NodeFacts(Answer):
    """What the activator knows of its node. Releases are named by their content's hash.

    Attributes:
        current: the release that runs, None before the first.
        version: its version, None before the first.
        fence: the highest fence number that acted here.
        pending: the run whose activation is not settled, None where all is.
        proven: releases that this node has itself proven, oldest first.
        disk_free_bytes: room for releases and the database.
        memory_free_bytes: what new processes may take without swapping.
        releases: the releases that lie on the node.
        partial: bytes that lie there of releases whose transfer was cut, by release.
        config: the hash of the configuration in force, None where none was ever confirmed.
        builds: the build number of each proven release.
        memory_total: bytes of memory.
        boot_id: names the time since the machine's last start.
        schema_version: the database's schema, None where there is no database.
        snapshots: copies of the database, oldest first.
        system: the set of packages that was confirmed last, None where none ever was.
        clock: the node's clock when it answered, Unix seconds; None where it does not say.
        reboot: what runs in its old version until the machine starts anew: packages, or parts of a NixOS system.
        booted: on NixOS, where kernel, initrd and modules of the system lead that was started last, by name.
    """

    current: str | None
    version: str | None
    fence: int
    pending: str | None
    proven: tuple[str, ...]
    disk_free_bytes: int
    memory_free_bytes: int
    releases: tuple[str, ...]
    partial: dict[str, int] = {}
    config: str | None = None
    builds: dict[str, int] = {}
    memory_total: int = Field(default=0, alias="memory_total_bytes")
    boot_id: str = ""
    schema_version: int | None = Field(default=None, alias="schema")
    snapshots: tuple[Snapshot, ...] = ()
    system: str | None = None
    clock: float | None = None
    reboot: tuple[str, ...] = ()
    booted: dict[str, str] = {}


class Package(Answer):
    """A package that an update would change.

    Attributes:
        name: as apt says it.
        old, new: its versions; None where it is not installed before, or not afterwards.
        bytes: size of the new version's file.
    """

    name: str
    old: str | None
    new: str | None
    bytes: int


class Outdated(Answer):
    """What an update of a node's system would change, and what stands in its way.

    Attributes:
        set: the hash that names exactly these versions, None where nothing would change.
        packages: what would change.
        reboot: packages of which the old version runs until the machine starts anew.
        kept: packages that have an update which is not taken, since others would have to go for it.
        problems: what prevents it, in words.
    """

    set: str | None
    packages: tuple[Package, ...]
    reboot: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class Fetched(Answer):
    """What came of bringing a set's files to a node: bytes that it downloaded, and the set that leads back."""

    bytes: int
    back: str


class Verification(Answer):
    """Whether a release may run on the node: its manifest, or the activator's code and sentence."""

    ok: bool
    code: str = ""
    why: str = ""
    manifest: dict[str, Any] = {}


class Offered(Answer):
    """What a node has of a release.

    Attributes:
        payload: where its payload belongs on the node.
        written: bytes of its small files that were new there.
        whole: whether its payload is there, unchanged.
    """

    payload: str
    written: int
    whole: bool


class Received(Answer):
    """Where a database that HQ sends belongs, and the number of the snapshot that it is; None while it is not there."""

    path: str
    number: int | None


class Held(Answer):
    """The directory of tenants that a node has, and where it takes another.

    Attributes:
        version: its version, 0 for none that is whole.
        at: when its head was signed, Unix seconds.
        sha256: of its body, "" for none.
        home: where it lies.
        place: where HQ puts head, signature and body, each under its hash.
    """

    version: int
    at: int
    sha256: str
    home: str
    place: str


class Present(Answer):
    """A node's database as it is now.

    Attributes:
        schema_version: its schema, None where there is no database that can be read.
        bytes: its size, its log included.
        rows: rows by table, None where they could not be counted.
    """

    schema_version: int | None = Field(alias="schema")
    bytes: int
    rows: dict[str, int] | None


class Differing(Answer):
    """The paths at which a node is not as it should be."""

    differing: tuple[str, ...]


class Verdict(Answer):
    """What happened on the node, by the node's own record.

    Attributes:
        run: the run that it belongs to.
        state: staged, armed, activating, activated; at the end confirmed, rolled-back, rollback-failed or refused.
        old: the release before, None where there was none.
        new: the release that was to run.
        reason: why it does not, "" where it does.
        log: the last lines of a service that failed.
        health: its last answer to a health check, {} where there was none.
        at: when the state was reached, ISO 8601 in UTC.
        restart_s: seconds from the restart until what runs now was healthy, None before that.
        config_old, config_new: the configuration before and the one that was to come; None where it stays.
        snapshot: the copy of the database from before.
        loss: what was lost because a snapshot was put back, None where none was.
        data: what became of the database, in a sentence; "" where nothing did.
        reboot: what runs in its old version until the machine starts anew: packages, or parts of a NixOS system.
    """

    run: str
    state: str
    old: str | None
    new: str
    reason: str
    log: tuple[str, ...]
    health: dict[str, Any]
    at: str
    restart_s: float | None = None
    config_old: str | None = None
    config_new: str | None = None
    snapshot: Snapshot | None = None
    loss: Loss | None = None
    data: str = ""
    reboot: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        """Whether nothing will follow."""
        return self.state in FINAL

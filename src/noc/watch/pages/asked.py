"""Plans that wait for an approval, as the watch reads them from the runner: what is shown, each text tamed and bounded.

The words of a plan come from nodes and people. They are shown as text, on one line, without characters that move what
stands beside them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from noc.fleet.stakes import stakes
from noc.watch.errors import RunnerUnclear

MAX_TEXT: Final = 500
MOST_NAMED: Final = 4
DIGEST: Final = r"^[0-9a-f]{64}$"


def tame(text: str) -> str:
    """A text on one line, without control characters and those that turn the direction of writing, cut where long."""
    return "".join(char if char.isprintable() else " " for char in text[:MAX_TEXT])


Text = Annotated[str, AfterValidator(tame)]
Hash = Annotated[str, Field(pattern=DIGEST)]
State = Literal["pending", "approved", "denied", "used", "expired"]
Risk = Literal["low", "medium", "high"]


class Read(BaseModel):
    """A part of the runner's answer; what the pages do not show is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Row(Read):
    """What a plan would do to one node; see the plan of the runner.

    Attributes:
        wave: 0 for the canary.
        running, target: hash of the release; None for none, or for one that stays.
        config, system: hash of the configuration, of the set of packages; None where they stay.
        seconds: how long it is expected to take.
    """

    node: Text
    wave: int = 0
    state: Literal["change", "unchanged", "down", "blocked"]
    running: Hash | None = None
    target: Hash | None = None
    config: Hash | None = None
    system: Hash | None = None
    packages: tuple[Any, ...] = ()
    reboot: tuple[Text, ...] = ()
    differences: tuple[Text, ...] = ()
    problems: tuple[Text, ...] = ()
    notes: tuple[Text, ...] = ()
    loss: Text = ""
    seconds: float = 0

    @property
    def changes(self) -> str:
        """What changes beside the release, in words: `caddy.json, sshd_config, 12 packages`."""
        named = list(self.differences[:MOST_NAMED])
        if more := len(self.differences) - len(named):
            named.append(f"{more} more")
        return ", ".join(named + ([f"{len(self.packages)} packages"] if self.packages else []))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of it before they agree, the worst first."""
        again = f"starts anew for {', '.join(self.reboot[:MOST_NAMED])}" if self.reboot else ""
        return tuple(filter(None, (*self.problems, self.loss, *self.notes, again)))


class Fault(Read):
    """One fault of a drill; `left_out` says why it is not made, "" where it is."""

    fault: Text
    node: Text
    hold_s: float = 0
    left_out: Text = ""


class Options(Read):
    """What a person said beside nodes and release, as far as it changes what is at stake."""

    restore_data: bool = False
    override_freeze: Text = ""
    force: bool = False
    retire: bool = False
    at_once: bool = False
    gone: bool = False
    without_backup: bool = False
    without: tuple[Text, ...] = ()
    address: Mapping[Text, Text] = {}
    host_key: Mapping[Text, Text] = {}

    @property
    def stakes(self) -> tuple[str, ...]:
        """What they mean for who agrees, in words."""
        return stakes(self.model_dump())


class Estimate(Read):
    """How long a plan takes, and what it may take, in seconds."""

    total_s: float
    bound_s: float


class Plan(Read):
    """What is to be agreed to."""

    action: Text
    nodes: tuple[Text, ...]
    regions: tuple[Text, ...] = ()
    options: Options = Options()
    rows: tuple[Row, ...] = ()
    records: tuple[Text, ...] = ()
    faults: tuple[Fault, ...] = ()
    estimate: Estimate | None = None

    @property
    def waves(self) -> Mapping[str, str]:
        """The wave of each node that changes, in words: `canary`, `3`, `canary of europe`."""
        regions, begun, found = dict(zip(self.nodes, self.regions, strict=False)), set(), {}
        for row in self.rows:
            if row.state == "change":
                own = regions.get(row.node, "")
                found[row.node] = (str(row.wave) if own in begun else "canary") + (f" of {own}" if own else "")
                begun.add(own)
        return found

    @property
    def length(self) -> int:
        """How many lines its longest list has."""
        return max(map(len, (self.rows, self.records, self.faults, self.nodes)))

    @property
    def extent(self) -> str:
        """How many nodes, and of how many it says what: `20 nodes: 15 change, 4 unchanged, 1 down`."""
        nodes = "1 node" if len(self.nodes) == 1 else f"{len(self.nodes)} nodes"
        counts = Counter(row.state for row in self.rows)
        return ": ".join(filter(None, (nodes, ", ".join(f"{count} {state}" for state, count in counts.most_common()))))


class Approval(Read):
    """That somebody agreed, and when."""

    by: Text
    at: AwareDatetime


class Denial(Read):
    """That somebody did not, when, and why."""

    by: Text
    at: AwareDatetime
    reason: Text = ""


class Asked(Read):
    """A plan that waits, or waited, for somebody to agree.

    Attributes:
        needs: whom it waits for, in words.
        signed: whether the approval has to be a signature.
        run: the run that began with it, None for none.
        requester, at, expires: who asked, when, and until when it may be approved and used.
    """

    digest: Hash
    phrase: Text
    what: Text
    risk: Risk
    state: State
    needs: Text
    signed: bool
    run: Text | None
    requester: Text
    at: AwareDatetime
    expires: AwareDatetime
    approval: Approval | None = None
    denial: Denial | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still be answered."""
        return self.state in {"pending", "approved"}


class Detailed(Read):
    """A request with its plan, and what releases are called, by their hash."""

    request: Asked
    plan: Plan
    labels: Mapping[str, Text] = {}

    def label(self, sha: str | None) -> str:
        """A release for people: `1.4.2 (7)`, the beginning of its hash where it has no name here, or a dash."""
        return self.labels.get(sha, sha[:12]) if sha else "\N{EN DASH}"


def read_waiting(answer: Mapping[str, Any]) -> tuple[Asked, ...]:
    """The requests of an answer to `pending`. Raises RunnerUnclear."""
    try:
        return tuple(Asked.model_validate(each) for each in answer["requests"])
    except (ValidationError, LookupError, TypeError) as error:
        raise _unclear(error) from None


def read_detailed(answer: Mapping[str, Any]) -> Detailed:
    """The one request of an answer to `pending`, once its plan has proven to be the one that its digest names.

    Raises:
        RunnerUnclear: it is not, or this is no request.
    """
    try:
        document, request = answer["request"]["plan"], Asked.model_validate(answer["request"])
        found = Detailed(request=request, plan=Plan.model_validate(document), labels=answer.get("labels", {}))
        is_named = content_digest(document) == request.digest
    except (ValidationError, LookupError, TypeError, AttributeError) as error:
        raise _unclear(error) from None
    if not is_named:
        raise RunnerUnclear("the runner shows another plan than it names", fix="journalctl -u noc-runner")
    return found


def content_digest(plan: Mapping[str, Any]) -> str:
    """Hex SHA-256 of a plan as canonical JSON (sorted keys, no blanks) without its digest: what approvals bind to."""
    content = {name: value for name, value in plan.items() if name != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _unclear(error: Exception) -> RunnerUnclear:
    why = str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else type(error).__name__
    return RunnerUnclear("the runner's answer is not a request as this release knows it", why=why)

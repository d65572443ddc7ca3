"""The fleet and its nodes: how they stand, and what HQ finds when it looks at them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from noc.agent.verbs.fields import NodeArgument, NodesArgument, Untrusted, UntrustedLine
from noc.agent.verbs.incidents import IncidentRow, incident_row
from noc.agent.verbs.nothing import NoParams
from noc.agent.verbs.verb import Answer, Call, Done, Params
from noc.agent.words.message import Message
from noc.agent.words.neutral import neutral, stripped
from noc.agent.words.plan import table
from noc.agent.words.request import standing
from noc.agent.words.status import health_message, status_message
from noc.errors import NocError

LOOK_S = 50.0
"""Seconds for HQ to look at nodes."""
_FIELDS = 64
_VALUE = 200


class FleetNode(Answer):
    """One node as the watch sees it; `since` is when it came to be in this state."""

    node: str
    state: str
    life: str
    since: str | None
    heard_at: str | None
    deployment: str | None
    maintenance: bool
    incident: int | None
    untrusted_version: UntrustedLine


class Waiting(Answer):
    """A plan that waits for somebody to agree."""

    digest: str
    phrase: str
    what: str
    risk: str
    requester: str
    state: str
    needs: str
    expires: str


class FleetStatus(Answer):
    """The whole fleet: nodes, what is open, who may change something at this moment, what waits for an agreement.

    `halted` is the halt that stands, "" for none. `untrusted_trouble` says whom nobody could ask.
    """

    now: str
    nodes: list[FleetNode]
    incidents: list[IncidentRow]
    lease: str
    halted: str
    untrusted_halt_reason: Untrusted
    waiting: list[Waiting]
    untrusted_trouble: Untrusted


class NodeParams(Params):
    """Which node."""

    node: NodeArgument
    look: Annotated[bool, Field(description="Have HQ look at it now: tunnel, HTTPS, certificate, ports, pushes.")] = (
        False
    )


class Finding(Answer):
    """One check of one node: ok, failed, or not run."""

    name: str
    state: str
    untrusted_words: UntrustedLine


class NodeShown(FleetNode):
    """One node: where it is, how it stands, what it reported last; `checks` where HQ has looked."""

    city: str
    country: str
    region: str | None
    provider: str
    serves: Annotated[bool | None, Field(description="Whether its public address answered well at the last look.")]
    untrusted_sighting: Untrusted
    untrusted_telemetry: dict[str, float | int | UntrustedLine | None]
    checks: list[Finding]


class HealthParams(Params):
    """Which nodes."""

    nodes: Annotated[NodesArgument, Field(default_factory=lambda: ["all"])]


class NodeHealth(Answer):
    """What HQ found of one node."""

    node: str
    healthy: bool
    checks: list[Finding]


class Health(Answer):
    """What HQ found of nodes; those that are not live yet are pending."""

    nodes: list[NodeHealth]
    pending: list[str]


async def status(call: Call, _params: NoParams) -> Done[FleetStatus]:
    """The fleet at a glance; a runner that is away hides nothing of what the watch knows. Raises WatchUnreachable."""
    watch = call.house.watch(call.actor)
    document, open_now = await watch.get("/api/v1/nodes"), (await watch.get("/api/v1/incidents", open=1))["incidents"]
    lease, waiting, trouble = await _runner(call)
    halt = lease.get("halt")
    answer = FleetStatus(
        now=document["now"],
        nodes=[FleetNode(**_node(node)) for node in document["nodes"]],
        incidents=[incident_row(each) for each in open_now],
        lease=stripped(lease.get("explanation", ""), _VALUE),
        halted=f"by {halt['by']} at {halt['at']}" if halt else "",
        untrusted_halt_reason=halt["why"] if halt else "",
        waiting=[Waiting(**{name: each[name] for name in Waiting.model_fields}) for each in waiting],
        untrusted_trouble=trouble,
    )
    more = [f"halted by {halt['by']}: {neutral(halt['why'], _VALUE)}"] if halt else []
    more += [neutral(lease["explanation"], _VALUE)] if lease.get("standing", "free") != "free" else []
    more += [f"{each['what']}: {standing(each)}" for each in waiting]
    more += [neutral(trouble, _VALUE)] if trouble else []
    return Done(answer, status_message(document["nodes"], open_now, document["now"], more))


async def show_node(call: Call, params: NodeParams) -> Done[NodeShown]:
    """One node. Raises NotFound."""
    fleet = await call.house.fleet()
    name = fleet.node(params.node).name
    watch = call.house.watch(call.actor)
    node = await watch.get(f"/api/v1/nodes/{name}")
    rows = (await _look(call, [name]))["nodes"] if params.look else []
    beat, seen = node["last_heartbeat"] or {}, node["sighting"]
    telemetry = list((beat.get("telemetry") or {}).items())[:_FIELDS]
    answer = NodeShown(
        **_node(node),
        **{field: node[field] for field in ("city", "country", "region", "provider")},
        serves=seen["ok"] if seen else None,
        untrusted_sighting=f"{seen['stage']} {seen['detail']}" if seen else "",
        untrusted_telemetry={stripped(str(key), _VALUE): value for key, value in telemetry},
        checks=[Finding.model_validate(_finding(check)) for row in rows for check in row["checks"]],
    )
    return Done(answer, _node_message(answer))


async def health(call: Call, params: HealthParams) -> Done[Health]:
    """Have HQ look at nodes. Raises NotFound."""
    found = await _look(call, params.nodes)
    rows = [
        NodeHealth(
            node=row["node"], healthy=row["healthy"], checks=[Finding(**_finding(each)) for each in row["checks"]]
        )
        for row in found["nodes"]
    ]
    return Done(Health(nodes=rows, pending=found["pending"]), health_message(found))


def read_health(words: Sequence[str]) -> HealthParams:
    """Nodes; none of them for all."""
    return HealthParams(nodes=list(words) or ["all"])


async def _runner(call: Call) -> tuple[Mapping[str, Any], list[Mapping[str, Any]], str]:
    """Who may change something, what waits, and why the runner could not be asked."""
    door = call.house.runner(call.actor)
    try:
        return await door.ask("lease"), (await door.ask("pending"))["requests"], ""
    except NocError as error:
        return {}, [], str(error)


async def _look(call: Call, nodes: Sequence[str]) -> Mapping[str, Any]:
    return await call.house.runner(call.actor).ask("health", within_s=LOOK_S, nodes=list(nodes))


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    beat = node["last_heartbeat"] or {}
    same = ("state", "life", "since", "deployment", "maintenance", "incident")
    return {
        "node": node["name"],
        **{name: node[name] for name in same},
        "heard_at": beat.get("at"),
        "untrusted_version": beat.get("version") or "",
    }


def _finding(check: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": check["name"], "state": check["state"], "untrusted_words": check["words"]}


def _node_message(node: NodeShown) -> Message:
    lines = [f"{node.city}, {node.country}, {node.provider}"]
    lines += [f"heard {node.heard_at}, runs {neutral(node.untrusted_version, _VALUE)}"] if node.heard_at else []
    lines += [f"incident {node.incident}"] if node.incident is not None else []
    block = table([(each.name, each.state, each.untrusted_words[:_VALUE]) for each in node.checks])
    return Message(f"{node.node}: {node.state}", tuple(lines), block)

"""What a model may read besides: what the fleet is, and the runbooks.

Specification: https://modelcontextprotocol.io/specification/2025-11-25/server/resources
"""

import json
from importlib.resources import files
from typing import Any, Final

from mcp_types import Resource, TextResourceContents

from noc.agent.doors.house import House
from noc.agent.errors import NoSuchResource
from noc.agent.words.neutral import stripped
from noc.fleet.model import Fleet

FLEET: Final = "noc://fleet"
RUNBOOKS: Final = "noc://runbooks/"
_ADDRESS: Final = 128


def listed() -> list[Resource]:
    """Every resource."""
    fleet = Resource(
        uri=FLEET,
        name="fleet",
        title="What the fleet is",
        description="Nodes with place, provider and platform; who has to agree to what; how rollouts proceed.",
        mime_type="application/json",
    )
    runbooks = [
        Resource(uri=f"{RUNBOOKS}{name}", name=name, title=text.splitlines()[0].lstrip("# "), mime_type="text/markdown")
        for name, text in runbook_texts().items()
    ]
    return [fleet, *runbooks]


async def read(house: House, uri: str) -> TextResourceContents:
    """One resource. Raises NoSuchResource; and FleetProblems where the fleet file cannot be read."""
    if uri == FLEET:
        text = json.dumps(describe(await house.fleet()), ensure_ascii=False)
        return TextResourceContents(uri=uri, mime_type="application/json", text=text)
    runbook = runbook_texts().get(uri.removeprefix(RUNBOOKS)) if uri.startswith(RUNBOOKS) else None
    if runbook is None:
        known = ", ".join(str(each.uri) for each in listed())
        raise NoSuchResource(f"there is no resource {stripped(uri, _ADDRESS)}", fix=f"there are {known}")
    return TextResourceContents(uri=uri, mime_type="text/markdown", text=runbook)


def runbook_texts() -> dict[str, str]:
    """The runbooks by name, in the order of their names."""
    found = files("noc.agent.mcp").joinpath("runbooks").iterdir()
    texts = {each.name.removesuffix(".md"): each.read_text("utf-8") for each in found if each.name.endswith(".md")}
    return dict(sorted(texts.items()))


def describe(fleet: Fleet) -> dict[str, Any]:
    """The fleet file as far as it helps to ask for something: no address, no key, no token's place."""
    node = {"name", "city", "country", "region", "provider", "platform", "tags", "batch"}
    return {
        "name": fleet.name,
        "domain": fleet.domain,
        "timezone": fleet.timezone,
        "nodes": [
            {**each.model_dump(mode="json", include=node), "serves_as": fleet.hostname(each)} for each in fleet.nodes
        ],
        "approval": fleet.approval.model_dump(mode="json"),
        "rollout": fleet.policy.model_dump(mode="json"),
        "freezes": [each.model_dump(mode="json") for each in fleet.freeze],
        "people": [{"name": each.name, "role": each.role} for each in fleet.people],
    }

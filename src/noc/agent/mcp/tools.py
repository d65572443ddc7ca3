"""The verbs as MCP tools: how they are listed, and what one answers when it is called.

Specification: https://modelcontextprotocol.io/specification/2025-11-25/server/tools
"""

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from mcp_types import CallToolResult, TextContent, Tool, ToolAnnotations

from noc.agent.doors.actor import Actor
from noc.agent.doors.house import House
from noc.agent.errors import NoSuchTool
from noc.agent.verbs.asking import read_document
from noc.agent.verbs.table import TOOLS
from noc.agent.verbs.verb import AnyVerb, Call, Progress
from noc.agent.words.neutral import stripped
from noc.errors import NocError

PLAN_S: Final = 50.0
"""Seconds for a plan: clients give up on a call after 60 (OpenClaw's requestTimeoutMs)."""
_NAME: Final = 64

log = logging.getLogger(__name__)


def listed() -> list[Tool]:
    """Every tool, in the table's order, with the schemas of what it takes and answers."""
    return [_tool(verb) for verb in TOOLS.values()]


async def called(house: House, name: str, arguments: Mapping[str, Any], progress: Progress) -> CallToolResult:
    """Call a tool in the model's name.

    Args:
        house: the doors.
        name: the tool's.
        arguments: what it was given.
        progress: hears how far it is.

    Returns:
        The answer, as data and as the same in text. A refusal is an answer, too: a JSON text with `code`, and with
        sentences that may quote a node or a person in fields named `untrusted_*`.
    """
    try:
        if (verb := TOOLS.get(name)) is None:
            raise NoSuchTool(f"there is no tool {stripped(name, _NAME)}", fix=f"there are {', '.join(TOOLS)}")  # noqa: TRY301
        call = Call(house, Actor.model(), progress, PLAN_S)
        done = await verb.act(call, read_document(verb, arguments))
    except NocError as error:
        return _refusal(error)
    except Exception:
        # What a mistake of ours says stays on HQ.
        log.exception("tool %s failed", stripped(name, _NAME))
        mistake = NocError("the tool failed", why="a mistake in noc", fix="a person finds it in the server's log")
        return _refusal(mistake)
    document = done.answer.model_dump(mode="json")
    return CallToolResult(content=[_text(document)], structured_content=document)


def refused(error: NocError) -> dict[str, Any]:
    """An error as a tool answers with it."""
    return {
        "code": f"NOC-{error.code}",
        "exit": error.exit_code,
        "untrusted_what": stripped(error.what),
        "untrusted_why": stripped(error.why),
        "untrusted_fix": stripped(error.fix),
    }


def _refusal(error: NocError) -> CallToolResult:
    """A refusal as text alone: there are clients that hold data to the tool's schema also where it is an error."""
    return CallToolResult(content=[_text(refused(error))], is_error=True)


def _text(document: dict[str, Any]) -> TextContent:
    return TextContent(type="text", text=json.dumps(document, ensure_ascii=False))


def _tool(verb: AnyVerb) -> Tool:
    return Tool(
        name=verb.name,
        title=verb.title,
        description=verb.summary,
        input_schema=verb.params.model_json_schema(),
        output_schema=verb.answer.model_json_schema(mode="serialization"),
        annotations=ToolAnnotations(
            title=verb.title,
            read_only_hint=verb.reads,
            destructive_hint=verb.destructive,
            idempotent_hint=verb.idempotent,
            open_world_hint=False,
        ),
    )

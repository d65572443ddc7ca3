"""The audit's last entries: who did what, and what was refused."""

import json
from typing import Annotated

from pydantic import Field

from noc.agent.verbs.fields import Untrusted, UntrustedLine
from noc.agent.verbs.verb import Answer, Call, Done, Params
from noc.agent.words.message import Message
from noc.agent.words.neutral import neutral

MOST = 100
_LINE = 160


class AuditParams(Params):
    """Which entries."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = 20
    after: Annotated[
        int | None, Field(ge=0, lt=2**53, description="Those that follow this entry; else the last ones.")
    ] = None


class AuditEntry(Answer):
    """One entry: an intent, its outcome (`of` names the intent), or a refusal."""

    seq: int
    at: str
    kind: str
    by: str
    of: int | None
    untrusted_what: UntrustedLine
    untrusted_result: UntrustedLine
    untrusted_detail: Untrusted


class AuditTail(Answer):
    """Entries, the oldest first."""

    entries: list[AuditEntry]


async def tail(call: Call, params: AuditParams) -> Done[AuditTail]:
    """Entries of the audit. Raises AuditBroken."""
    asked = {"limit": params.limit} | ({} if params.after is None else {"after": params.after})
    entries = (await call.house.runner(call.actor).ask("audit", **asked))["entries"]
    rows = [
        AuditEntry(
            **{name: each[name] for name in ("seq", "at", "kind", "by", "of")},
            untrusted_what=each["what"],
            untrusted_result=each["result"],
            untrusted_detail=json.dumps(each["detail"], ensure_ascii=False),
        )
        for each in entries
    ]
    lines = tuple(
        neutral(f"{each.seq} {each.by}: {each.untrusted_what} {each.untrusted_result}", _LINE) for each in rows
    )
    return Done(AuditTail(entries=rows), Message(f"the audit, {len(rows)} entries", lines))

"""Reviews at the runner's door: it alone can look at the nodes, and what it says was looked at is what is signed."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, get_args

from noc.errors import Usage
from noc.runs.admission.caller import Caller
from noc.runs.errors import WatchAbsent
from noc.runs.review.decision import Word
from noc.runs.review.review import review, take_decision, what_to_sign
from noc.runs.runner.door import Answers, Operation
from noc.runs.runner.runner import Runner
from noc.runs.site.site import Site, open_site

MOST_SIGNATURE = 16 * 1024


class Reviews:
    """The door's operations about milestones."""

    def __init__(self, runner: Runner) -> None:
        """Offer them over a runner."""
        self._runner = runner

    @property
    def operations(self) -> dict[str, Operation]:
        """By the name that requests give."""
        return {"review": self._review, "statement": self._statement, "decide": self._decide}

    async def _review(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        """Anybody whom the door lets in may look; a report decides nothing."""
        report = await review(self._site(), str(request["milestone"]))
        yield {"report": report.model_dump(mode="json"), "digest": report.digest}

    async def _statement(self, request: Mapping[str, Any], _caller: Caller) -> Answers:
        digest = str(request.get("digest", ""))
        yield {"statement": what_to_sign(self._site(), str(request["milestone"]), _word(request), digest)}

    async def _decide(self, request: Mapping[str, Any], caller: Caller) -> Answers:
        """Whoever brings it: the decision is the signer's, whose key the fleet file names."""
        name, word, signature = str(request["milestone"]), _word(request), str(request["signature"])
        if len(signature) > MOST_SIGNATURE:
            raise Usage("that is no signature", why=f"it is longer than {MOST_SIGNATURE} characters")
        with self._runner.audit.acting(f"decide {word} on {name[:8]}", caller.name):
            decision = take_decision(self._site(), name, word, signature, str(request.get("digest", "")))
        await self._brief(name[:8], decision)
        yield {"decision": decision}

    async def _brief(self, name: str, decision: Mapping[str, Any]) -> None:
        title = f"{name}: {decision['word']}, decided by {decision['person']}"
        at = datetime.now(UTC)
        with suppress(WatchAbsent):
            await self._site().watch.brief("milestone", f"{name}-{at:%Y%m%dT%H%M%S}", title, [])

    def _site(self) -> Site:
        return open_site(self._runner.paths)


def _word(request: Mapping[str, Any]) -> Word:
    for word in get_args(Word):
        if request["word"] == word:
            found: Word = word
            return found
    raise Usage("a decision is go or no-go", fix="noc review M4 --decide go")

"""One plan that waits for an approval, on a page of its own: what it would do, and where a person decides about it."""

from dataclasses import dataclass

from noc.watch.clock import now
from noc.watch.errors import RunnerAway
from noc.watch.pages.asked import Asked, Detailed
from noc.watch.pages.dashboard import Dashboard, title
from noc.watch.pages.look import Look
from noc.watch.pages.views import Rendered
from noc.watch.pages.waiting import Waiting


@dataclass
class RequestView:
    """One request, by twelve or more digits of its digest.

    Attributes:
        found: the request with its plan, once it was rendered.
    """

    waiting: Waiting
    look: Look
    dashboard: Dashboard
    digest: str
    found: Detailed | None = None
    document: str = "request.html"
    table: str = ""

    @property
    def request(self) -> Asked:
        """The request as it was rendered."""
        assert self.found is not None
        return self.found.request

    async def render(self) -> Rendered:
        """All parts as they are now. Raises RunnerAway, RunnerUnclear, and NotFound, where nothing was ever known."""
        asked = await self.waiting.find(self.digest)
        if asked.value is None:
            raise asked.error or RunnerAway("the runner was not asked to the end", fix="reload the page")
        self.found, trouble = asked.value, asked.error
        await self.dashboard.refresh()
        moment, request = now(), self.request
        seen = self.dashboard.statuses(moment)[1]
        values = {"request": request, "found": self.found, "most": self.found.plan.length}
        parts = {
            "summary": self.dashboard.strip(moment, seen),
            "facts": self.look.render("request_facts.html", moment, trouble=str(trouble or ""), **values),
            "plan": self.look.render("request_plan.html", moment, **values),
        }
        return Rendered(moment, title(seen, f"{request.phrase}: {request.what}"), parts)

"""Incidents as feeds: RSS 2.0 (rssboard.org/rss-specification) and JSON Feed 1.1 (jsonfeed.org/version/1.1)."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from xml.sax.saxutils import escape

from noc.watch.clock import iso
from noc.watch.public import words
from noc.watch.public.facts import Facts, IncidentFacts


def json_feed(facts: Facts) -> dict[str, Any]:
    """The feed as a document; `_status` is an extension that carries its time."""
    home = _home(facts)
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": _title(facts),
        "home_page_url": home,
        "feed_url": f"{home}feed.json",
        "_status": {"at": iso(facts.at), "valid_until": iso(facts.until)},
        "items": [
            {
                "id": _identity(facts, each),
                "url": home,
                "title": words.title(each),
                "content_text": words.story(each),
                "date_published": iso(each.started),
                "date_modified": iso(each.started if each.ended is None else each.ended),
            }
            for each in facts.incidents
        ],
    }


def rss(facts: Facts) -> str:
    """The feed as XML."""
    home = escape(_home(facts))
    items = "".join(
        f"<item><title>{escape(words.title(each))}</title><link>{home}</link>"
        f'<guid isPermaLink="false">{escape(_identity(facts, each))}</guid>'
        f"<pubDate>{_date(each.started)}</pubDate><description>{escape(words.story(each))}</description></item>\n"
        for each in facts.incidents
    )
    minutes = max(1, (facts.until - facts.at) // 60_000)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>\n'
        f"<title>{escape(_title(facts))}</title><link>{home}</link>"
        f"<description>Incidents of the fleet, by the machine that watches it.</description>"
        f"<lastBuildDate>{_date(facts.at)}</lastBuildDate><ttl>{minutes}</ttl>\n{items}</channel></rss>\n"
    )


def _title(facts: Facts) -> str:
    return f"{facts.fleet}: status"


def _home(facts: Facts) -> str:
    return f"https://{facts.domain}/"


def _identity(facts: Facts, incident: IncidentFacts) -> str:
    """The same as long as the incident is told of, whatever becomes of it: where and when it began."""
    what = "monitoring" if incident.face == "unknown" else "+".join(incident.nodes)
    return f"tag:{facts.domain},2026:{incident.started}:{what}"


def _date(at: int) -> str:
    return format_datetime(datetime.fromtimestamp(at // 1000, UTC))

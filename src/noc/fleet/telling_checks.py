"""What a schema cannot say of `[[channel]]`, `[[route]]` and `[briefing]`: every name leads to a channel that works."""

from collections.abc import Iterator

from noc.fleet.document import Document
from noc.fleet.errors import Problem
from noc.fleet.telling import DEFAULT_CHANNEL, EVERY_DAY


def channel_names(document: Document) -> Iterator[Problem]:
    """No two channels share a name; `ntfy` is the default one's, and `wait` is a word of routes."""
    taken = {DEFAULT_CHANNEL: "the fleet's [ntfy] part has it", "wait": "it is a word of [[route]]"}
    for path, name in document.texts("channel", "name"):
        if name in taken:
            yield document.problem(path, f"no channel can be called {name}: {taken[name]}", "give it another name")
        taken[name] = "another channel has it"


def channel_addresses(document: Document) -> Iterator[Problem]:
    """Each kind of channel has what it needs, and nothing that it would not look at."""
    for path, table in document.tables("channel"):
        match table.get("kind"):
            case "ntfy":
                for key in ("url", "topic"):
                    if key not in table:
                        yield document.problem(path, f"a channel of kind ntfy needs {key}", f"add {key} = …")
            case "apprise":
                for key in ("url", "topic", "ca_root"):
                    if key in table:
                        fix = "keep the whole address in a credential: noc hub secret set NAME"
                        yield document.problem((*path, key), f"a channel of kind apprise takes no {key}", fix)
                if "credential" not in table:
                    fix = 'add credential = "mail_url", and on HQ: noc hub secret set mail_url'
                    yield document.problem(path, "a channel of kind apprise needs a credential", fix)


def known_channels(document: Document) -> Iterator[Problem]:
    """Routes and the briefing name channels that exist."""
    known = {DEFAULT_CHANNEL, *(name for _, name in document.texts("channel", "name"))}
    named = [*document.texts("route", "channels"), *document.texts("briefing", "channel")]
    elsewhere = [(path, name) for path, name in document.texts("route", "otherwise") if name != "wait"]
    for path, name in (*named, *elsewhere):
        if name not in known:
            yield document.problem(path, f"no channel is called {name}", f"one of {', '.join(sorted(known))}")


def route_hours(document: Document) -> Iterator[Problem]:
    """A route's hours are not empty, and what pages somebody at once never waits for them."""
    for path, table in document.tables("route"):
        start, _, end = str(table.get("hours", EVERY_DAY)).partition("-")
        if start == end:
            fix = "leave hours out for the whole day"
            yield document.problem((*path, "hours"), "the hours are empty: they end when they begin", fix)
        severities, waits = table.get("severities"), table.get("otherwise", "wait") == "wait"
        if isinstance(severities, list) and "SEV1" in severities and waits and {"hours", "days"} & table.keys():
            fix = 'name a channel that is told at once: otherwise = "ntfy"'
            yield document.problem((*path, "severities"), "a SEV1 cannot wait for the hours of a route", fix)


TELLING_CHECKS = (channel_names, channel_addresses, known_channels, route_hours)

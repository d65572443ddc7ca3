"""What a schema cannot say of `[placement]`: it speaks of nodes of this file, and of each in one way."""

from collections.abc import Iterator
from itertools import chain

from noc.fleet.document import Document
from noc.fleet.errors import Problem


def placed_nodes(document: Document) -> Iterator[Problem]:
    """Nodes that are left out, or have limits of their own, are nodes."""
    known = {name for _, name in document.texts("nodes", "name")}
    named = chain(document.texts("placement", "left_out"), document.texts("placement", "limit", "nodes"))
    for path, name in named:
        if name not in known:
            yield document.problem(path, f"no node is called {name}", "name nodes of this file")


def one_limit_each(document: Document) -> Iterator[Problem]:
    """A node has the limits of one table, so that their order says nothing."""
    first: dict[str, int] = {}
    for path, name in document.texts("placement", "limit", "nodes"):
        if name in first:
            what = f"{name} has other limits already, on line {first[name]}"
            yield document.problem(path, what, "name it in one [[placement.limit]] alone")
        else:
            first[name] = document.problem(path, "", "").line


def groups_of_some(document: Document) -> Iterator[Problem]:
    """A group has a country: an empty one would let nobody in, whatever nodes there are."""
    for path, groups in document.values("placement", "groups"):
        for name, countries in groups.items() if isinstance(groups, dict) else ():
            if countries == []:
                fix = f'name its countries, such as {name} = ["DE", "FR"]'
                yield document.problem((*path, name), f"group {name} has no country", fix)


PLACING_CHECKS = (placed_nodes, one_limit_each, groups_of_some)

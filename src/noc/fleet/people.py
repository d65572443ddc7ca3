"""Taking a person out of the fleet file's text: the rest of it, comments included, stays to the byte."""

import tomllib

from noc.fleet.document import Document
from noc.fleet.errors import PeopleNotEditable
from noc.fleet.places import places

_BY_HAND = "take the entry out by hand, with an editor"


def without_person(document: Document, text: str, name: str) -> str:
    """The text of a fleet file without a person's `[[people]]` table.

    Args:
        document: what the text says.
        text: the file's content.
        name: the person; somebody who is not in it changes nothing.

    Raises:
        PeopleNotEditable: people are written in another form, or twice.
    """
    people = document.data.get("people", [])
    found = [index for index, person in enumerate(people) if person.get("name") == name]
    if not found:
        return text
    lines, begin = text.splitlines(keepends=True), places(text).get(("people", found[0]), 0)
    if len(found) > 1 or not lines[begin - 1].lstrip().startswith("[["):
        raise PeopleNotEditable(f"{name} cannot be taken out of {document.file}", fix=_BY_HAND)
    end = _end(text, ("people", found[0]), begin, lines)
    follows = lines[end:]
    if follows and not follows[0].strip() and (begin == 1 or not lines[begin - 2].strip()):
        follows = follows[1:]
    kept = "".join([*lines[: begin - 1], *follows])
    wanted = {**document.data, "people": [each for each in people if each.get("name") != name]}
    if not wanted["people"]:
        del wanted["people"]
    if tomllib.loads(kept) != wanted:
        raise PeopleNotEditable(f"{name} cannot be taken out of {document.file}", fix=_BY_HAND)
    return kept


def _end(text: str, table: tuple[str, int], begin: int, lines: list[str]) -> int:
    """How many lines there are up to the end of a table; blank lines and comments behind it belong to what follows."""
    later = [line for path, line in places(text).items() if line > begin and path[:2] != table]
    end = min(later, default=len(lines) + 1) - 1
    while end > begin and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return end

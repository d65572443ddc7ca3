"""People's chats: whether the file that says whose they are can be used, and whether everybody in it is still here."""

from collections.abc import Iterator

from noc.errors import NocError
from noc.runs.admission.identities import Identities
from noc.runs.doctor.care import Care
from noc.runs.doctor.line import Line


def chat_lines(care: Care) -> Iterator[Line]:
    """A line for each person who is no more in the fleet file and still has a chat: who gets the name would have it."""
    name = care.fleet.hub.name
    try:
        linked = Identities(care.paths.identities).all()
    except NocError as error:
        yield Line(name, "chats", "wrong", f"nobody in a chat is known: {error}", f"noc explain {error.code}")
        return
    here = {person.name for person in care.fleet.people}
    for person in sorted({each.person for each in linked} - here):
        says = f"{person} is no more in fleet.toml, and still has a chat: another of that name would have it"
        yield Line(name, "chats", "due", says, f"noc unlink --person {person}")

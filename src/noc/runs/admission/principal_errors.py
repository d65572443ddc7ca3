"""Why somebody in a chat, or on a page, is not listened to. Codes E551 to E554."""

from noc.errors import NocError


class Stranger(NocError):
    """Nobody whom fleet.toml lists is linked to this identity, so that it may ask for nothing.

    A person links a chat on HQ: `noc link telegram` gives a one-time code, which is sent to the bot as `/link CODE`.
    Who is no more in `[[people]]` is a stranger again. `noc who` lists everybody with their chats.
    """

    code, exit_code = "E551", 5


class CodeRefused(NocError):
    """The one-time code links nothing: it is wrong, was used, is too old, or is one of another channel.

    A code of `noc link` is good for ten minutes and for one use, and the runner forgets it when it starts anew. Wrong
    codes are counted: five an hour from one identity, fifty from all, and then no code counts until an hour is over.
    """

    code, exit_code = "E552", 5


class LinkRefused(NocError):
    """This identity cannot be linked to this person.

    An identity belongs to one person, and a person has a few of them. `noc who` says whose it is, `noc unlink` ends it.
    Logins of services, root, and agents have no chat.
    """

    code, exit_code = "E553", 5


class IdentitiesUnreadable(NocError):
    """The file of linked identities was damaged, or others could write it, so that nobody in a chat is known.

    It belongs to noc-runner, with mode 0600. A backup of HQ has it; without one, remove it, and let people link anew.
    """

    code, exit_code = "E554", 6

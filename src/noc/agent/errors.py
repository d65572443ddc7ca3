"""What can go wrong between a model's tools and the fleet. Codes E860 to E864."""

from noc.errors import NocError


class PlanSlow(NocError):
    """A plan was not made within the time for which a tool may wait.

    Nodes that have to ask their archive of packages for updates take long the first time. The runner goes on meanwhile:
    ask for the same plan again, and what the nodes have fetched is there.
    """

    code, exit_code = "E860", 8


class BadArguments(NocError):
    """A tool was called with arguments that its schema does not allow; each field that is wrong is named."""

    code, exit_code = "E861", 2


class NoSuchTool(NocError):
    """There is no tool of that name. A model approves nothing, reads no secret and runs no command: no tool does."""

    code, exit_code = "E862", 4


class NotTheAgent(NocError):
    """The MCP server runs as the user noc-agent of HQ and as nobody else.

    The runner knows by that login that a model asks, so that what it asks for always needs a person's agreement. Root
    becomes that user by itself; from a laptop the server is started through SSH.
    """

    code, exit_code = "E863", 5


class NoSuchResource(NocError):
    """There is no resource of that address: `noc://fleet` is one, and `noc://runbooks/NAME` for each runbook."""

    code, exit_code = "E864", 4

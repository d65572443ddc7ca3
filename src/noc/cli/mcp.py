"""`noc mcp`: the fleet's tools for a model."""

import typer

app = typer.Typer(add_completion=False)


@app.command()
def mcp() -> None:
    """Serve the fleet's tools to one client of the Model Context Protocol, over standard input and output.

    It runs as noc-agent, which root becomes by itself, and holds no key: the runner and the watch decide what that
    login may ask for, and whatever it begins needs a person's agreement. From a laptop the client starts it through
    SSH: ssh -T root@HQ noc mcp.
    """
    from noc.agent.mcp.user import become_agent  # noqa: PLC0415 - help stays light

    become_agent()
    from noc.agent.doors.house import House  # noqa: PLC0415
    from noc.agent.mcp.server import serve  # noqa: PLC0415

    serve(House.from_environment())

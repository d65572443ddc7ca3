"""The table of commands: name, one line of help, and the module that holds it.

The table is all that `noc --help` reads, so that help, completion and a mistyped name cost no heavy import.
Each module defines `app`, a typer.Typer: with one command it is that command, with several it is a group.
"""

COMMANDS: dict[str, tuple[str, str]] = {
    "nodes": ("noc.cli.nodes", "List the fleet's machines and where each is in its life."),
    "render": ("noc.cli.render", "Write what is derived from the fleet file, or check that nothing drifted."),
    "cost": ("noc.cli.cost", "What the fleet costs a month at list prices, and the ways under the ceiling."),
    "keygen": ("noc.cli.keygen", "Make a WireGuard key pair where it belongs: on the node, or on the hub."),
    "init": ("noc.cli.init", "Make the operator's and the recovery identity, on the operator's machine."),
    "hub": ("noc.cli.hub", "Install HQ: users, tunnel hub, firewall, watch server, runner, proxy."),
    "release": ("noc.cli.release", "Build, sign, verify and list releases of the service."),
    "payload": ("noc.cli.payload", "Prove that a file meets the payload contract."),
    "provision": ("noc.cli.provision", "Turn a fresh machine into a live node."),
    "rescue": ("noc.cli.rescue", "Bring a node back whose tunnel is dead, without its console."),
    "move": ("noc.cli.move", "Write down that a node's machine has another public address, once that is proven."),
    "deploy": ("noc.cli.deploy", "Roll a release over the fleet, one proven node after the other."),
    "rollback": ("noc.cli.rollback", "Return nodes to the release that each of them ran well before."),
    "health": ("noc.cli.health", "Check nodes from HQ: tunnel, HTTPS, certificate, ports, heartbeat."),
    "review": ("noc.cli.review", "Run a milestone's acceptance, keep the evidence, and say go or no-go."),
    "drift": ("noc.cli.drift", "Name the nodes whose configuration differs from what is rendered."),
    "run": ("noc.cli.run", "Show, follow or go on with a run."),
    "runs": ("noc.cli.runs", "List runs, the newest first."),
    "pending": ("noc.cli.pending", "List the plans that wait for somebody to agree."),
    "approve": ("noc.cli.approve", "Agree to a plan that waits, and follow the run that this begins."),
    "deny": ("noc.cli.deny", "Say no to a plan that waits."),
    "audit": ("noc.cli.audit", "Show who did what, or verify that the record of it is whole."),
    "lease": ("noc.cli.lease", "Say who may change the fleet at this moment."),
    "halt": ("noc.cli.halt", "Stop everything at the next step, and keep new runs out."),
    "watch": ("noc.cli.watch", "The watch server: heartbeats in, incidents and alerts out."),
    "dashboard": ("noc.cli.dashboard", "Open the watch's pages here through SSH, or sign in to them."),
    "status": ("noc.cli.status", "Show the whole fleet at a glance: what fails first."),
    "telemetry": ("noc.cli.telemetry", "Show what a node reported over time."),
    "tokens": ("noc.cli.tokens", "Tokens for programs that read or use the API."),
    "incidents": ("noc.cli.incidents", "List incidents: open ones first."),
    "incident": ("noc.cli.incident", "One incident: how it went, who was told, who takes it over."),
    "alert": ("noc.cli.alert", "What people are told: the channels, a test of one, the messages that wait."),
    "silence": ("noc.cli.silence", "Tell nobody of some nodes for a while."),
    "maintenance": ("noc.cli.maintenance", "Windows of maintenance: list, plan and end them."),
    "demo": ("noc.cli.demo", "A whole fleet on this machine, without root: one service dies and comes back."),
    "lab": ("noc.cli.lab", "A fleet of real hosts on this machine."),
    "pilot": (
        "noc.cli.pilot",
        "The pilot in the lab, end to end: provision, deploy, break, recover, scan, go or no-go.",
    ),
    "explain": ("noc.cli.explain", "Explain an error code, or list them all."),
}

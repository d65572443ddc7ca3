"""The table of commands, by what they are for: name, the module that holds it, and one line of help.

The table is all that `noc --help` reads, so that help, completion and a mistyped name cost no heavy import.
Each module defines `app`, a typer.Typer: with one command it is that command, with several it is a group.
"""

PANELS: dict[str, dict[str, tuple[str, str]]] = {
    "The fleet": {
        "status": ("noc.cli.status", "Show the whole fleet at a glance: what fails first."),
        "nodes": ("noc.cli.nodes", "List the fleet's machines and where each is in its life."),
        "health": ("noc.cli.health", "Check nodes from HQ: tunnel, HTTPS, certificate, ports, heartbeat."),
        "doctor": ("noc.cli.doctor", "What is due, overdue or missing, each with what mends it."),
        "render": ("noc.cli.render", "Write what is derived from the fleet file, or check that nothing drifted."),
        "drift": ("noc.cli.drift", "Name the nodes whose configuration differs from what is rendered."),
        "cost": ("noc.cli.cost", "What the fleet costs a month at list prices, and the ways under the ceiling."),
        "dns": ("noc.cli.dns", "The fleet's names: plan and apply its records, and say who answers for the domain."),
    },
    "Change it": {
        "deploy": ("noc.cli.deploy", "Roll a release over the fleet, one proven node after the other."),
        "rollback": ("noc.cli.rollback", "Return nodes to the release that each of them ran well before."),
        "os-update": ("noc.cli.os_update", "The weekly update of the nodes' systems, as one rollout."),
        "rollout": ("noc.cli.rollout", "Bring batches of nodes from nothing to live, one batch after the other."),
        "provision": ("noc.cli.provision", "Turn a fresh machine into a live node."),
        "rescue": ("noc.cli.rescue", "Bring a node back whose tunnel is dead, without its console."),
        "move": ("noc.cli.move", "Write down that a node's machine has another public address, once that is proven."),
        "replace": ("noc.cli.replace", "Make a dead node anew on another machine, from its backup."),
        "remove": ("noc.cli.remove", "Let nodes go: name, last backup, monitors, machine and keys, in this order."),
        "rotate": ("noc.cli.rotate", "Make a token, a key or a list of trust anew, while everything runs."),
        "keygen": ("noc.cli.keygen", "Make a WireGuard key pair where it belongs: on the node, or on the hub."),
    },
    "Machines at a cloud": {
        "preflight": (
            "noc.cli.preflight",
            "Everything that can stop a launch, in all regions, each with what mends it.",
        ),
        "launch": ("noc.cli.launch", "Make machines for nodes at their cloud."),
        "terraform": ("noc.cli.terraform", "Write the Terraform file that makes the same machines."),
        "adopt": ("noc.cli.adopt", "Take machines over that Terraform, or somebody at a console, has made."),
        "terminate": ("noc.cli.terminate", "End nodes' machines, and give back what the cloud holds for them."),
    },
    "Data": {
        "backup": ("noc.cli.backup", "Copies of the nodes' databases on HQ: taken, listed, verified, opened."),
        "restore": ("noc.cli.restore", "Give a node the data that it had at a time."),
        "unlock": ("noc.cli.unlock", "Open what HQ has sealed, on the operator's machine."),
        "tenant": ("noc.cli.tenant", "Who has an account, and on which node they live."),
        "prune": ("noc.cli.prune", "Remove runs, releases and backups that are old and needed by nobody."),
    },
    "Look into a node": {
        "logs": ("noc.cli.logs", "Show the logs of nodes as one, by time."),
        "exec": ("noc.cli.exec", "Run one command on nodes."),
        "ssh": ("noc.cli.ssh", "Open a shell on one node."),
        "tunnel": ("noc.cli.tunnel", "Say why a node's tunnel does not carry, and what mends it."),
        "reach": ("noc.cli.reach", "Explain every path between HQ, a node and the world."),
        "telemetry": ("noc.cli.telemetry", "Show what a node reported over time."),
    },
    "Incidents and alerts": {
        "incidents": ("noc.cli.incidents", "List incidents: open ones first."),
        "incident": ("noc.cli.incident", "One incident: how it went, who was told, who takes it over."),
        "silence": ("noc.cli.silence", "Tell nobody of some nodes for a while."),
        "maintenance": ("noc.cli.maintenance", "Windows of maintenance: list, plan and end them."),
        "alert": ("noc.cli.alert", "What people are told: the channels, a test of one, the messages that wait."),
        "dashboard": ("noc.cli.dashboard", "Open the watch's pages here through SSH, or sign in to them."),
        "watch": ("noc.cli.watch", "The watch server: heartbeats in, incidents and alerts out."),
        "kuma": ("noc.cli.kuma", "A stock Uptime Kuma, told what the fleet is: monitors, notification, status page."),
    },
    "Who does what": {
        "run": ("noc.cli.run", "Show, follow, pause or go on with a run."),
        "runs": ("noc.cli.runs", "List runs, the newest first."),
        "pending": ("noc.cli.pending", "List the plans that wait for somebody to agree."),
        "approve": ("noc.cli.approve", "Agree to a plan that waits, and follow the run that this begins."),
        "deny": ("noc.cli.deny", "Say no to a plan that waits."),
        "halt": ("noc.cli.halt", "Stop everything at the next step, and keep new runs out."),
        "lease": ("noc.cli.lease", "Say who may change the fleet at this moment."),
        "audit": ("noc.cli.audit", "Show who did what, or verify that the record of it is whole."),
        "review": ("noc.cli.review", "Run a milestone's acceptance, keep the evidence, and say go or no-go."),
        "drill": ("noc.cli.drill", "Break something on purpose, and see it noticed, told and mended in time."),
        "schedule": ("noc.cli.schedule", "List what HQ does by itself: when next, and what became of it last."),
        "job": ("noc.cli.job", "Do a job of HQ's schedule now, as its timer does."),
    },
    "HQ and its people": {
        "hub": ("noc.cli.hub", "Install HQ: users, tunnel hub, firewall, watch server, runner, proxy."),
        "init": ("noc.cli.init", "Make the operator's and the recovery identity, on the operator's machine."),
        "peer": ("noc.cli.peer", "Operators' own tunnels to HQ: its page and SSH, and no node."),
        "who": ("noc.cli.who", "List everybody with role and chats, and who may change the fleet now."),
        "link": ("noc.cli.link", "Print a code that makes a chat yours, or list the chats that are."),
        "unlink": ("noc.cli.unlink", "Let a chat speak for nobody any more."),
        "bot": ("noc.cli.bot", "The fleet from Telegram and Discord, without any model: serve it, or check it."),
        "mcp": ("noc.cli.mcp", "Serve the fleet's tools to a model, which approves nothing."),
        "openclaw": ("noc.cli.openclaw", "OpenClaw as HQ's agent: write its kit, and check that it is bound by it."),
        "tokens": ("noc.cli.tokens", "Tokens for programs that read or use the API."),
        "offboard": ("noc.cli.offboard", "Let somebody leave: groups, approvals, sessions, tokens, and all they had."),
    },
    "The service": {
        "release": ("noc.cli.release", "Build, sign, verify and list releases of the service."),
        "payload": ("noc.cli.payload", "Prove that a file meets the payload contract."),
    },
    "Try and learn": {
        "demo": ("noc.cli.demo", "A whole fleet on this machine, without root: one service dies and comes back."),
        "lab": ("noc.cli.lab", "A fleet of real hosts on this machine."),
        "pilot": (
            "noc.cli.pilot",
            "The pilot in the lab, end to end: provision, deploy, break, recover, scan, go or no-go.",
        ),
        "explain": ("noc.cli.explain", "Explain an error code, or list them all."),
    },
}
"""What `noc --help` shows together; what a person on call needs first comes first."""
COMMANDS = {name: found for panel in PANELS.values() for name, found in panel.items()}
PANEL_OF = {name: title for title, panel in PANELS.items() for name in panel}

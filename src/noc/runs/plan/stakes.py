"""What the options of a plan mean for whoever has to agree to it: each in words, so that nobody agrees unawares."""

from noc.runs.plan.plan import Plan


def stakes(plan: Plan) -> tuple[str, ...]:
    """What a person has said beside nodes and release that changes what is at stake, a sentence each.

    The reason for which a freeze is overridden stands as somebody wrote it.
    """
    options = plan.options
    said = {
        "databases are put back as they were before the change: what was written since is lost": options.restore_data,
        f"it begins in spite of a freeze: {options.override_freeze}": bool(options.override_freeze),
        "a node that is live may lose its machine": options.force,
        "the nodes get no other machine": options.retire,
        "the nodes leave at once, before their names are forgotten everywhere": options.at_once,
        "the machines are taken for gone, and asked for nothing": options.gone,
        "the nodes leave without a last backup": options.without_backup,
        f"it goes on without {', '.join(options.without)} where they are down": bool(options.without),
    }
    given = [f"{node} is taken to be at {address}" for node, address in options.address.items()]
    given += [f"{node} is taken to be whoever has the host key {key}" for node, key in options.host_key.items()]
    return (*(words for words, holds in said.items() if holds), *given)

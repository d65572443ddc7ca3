"""The action `rotate`: what carries it out, by the secret."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from noc.fleet.rotating import Secret
from noc.runs.plan.plan import Plan
from noc.runs.record.events import Verdict
from noc.runs.record.run import Run
from noc.runs.rotation.hostca import rotate_ca
from noc.runs.rotation.hub import rotate_hub
from noc.runs.rotation.lists import rotate_recipients, rotate_signers
from noc.runs.rotation.pushtoken import rotate_tokens
from noc.runs.rotation.sshkey import rotate_ssh
from noc.runs.site.site import Site

ROTATIONS: Final[Mapping[Secret, Callable[[Run, Site], Awaitable[list[Verdict]]]]] = {
    "push-token": rotate_tokens,
    "ssh": rotate_ssh,
    "ca": rotate_ca,
    "signer": rotate_signers,
    "recipients": rotate_recipients,
    "hub": rotate_hub,
}


async def survey_rotate(_site: Site, plan: Plan) -> Plan:
    """Nothing is asked ahead: who is down is told by the run itself, which leaves that node both ways."""
    return plan


async def rotate(run: Run, site: Site) -> list[Verdict]:
    """Make a secret anew, beside the old one, prove it, and only then withdraw the old one."""
    assert run.plan.options.secret is not None
    return await ROTATIONS[run.plan.options.secret](run, site)

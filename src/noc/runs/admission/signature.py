"""An approval as an SSH signature: what is signed, and whose signature it is.

The statement is made by the runner from the request, so that a signature of anything else does not fit: another plan,
another fleet, another request for the same plan. What is signed is good until the request expires, and for one run.
"""

import base64
import hashlib
from datetime import UTC

from noc.errors import NocError
from noc.fleet.model import Fleet, Person
from noc.release.errors import MalformedSignature
from noc.release.sshkeygen import is_signed_with
from noc.release.sshsig import Envelope, parse_envelope
from noc.runs.admission.caller import Caller
from noc.runs.admission.errors import SignatureRefused
from noc.runs.admission.request import Request
from noc.runs.record.tame import tame

NAMESPACE = "noc-approval"


def statement(request: Request, fleet: Fleet) -> str:
    """What an approver signs: lines of `name: value`, with a newline at the end.

    Args:
        request: what is approved.
        fleet: the fleet that it is of.
    """
    facts = {
        "fleet": f"{fleet.name} ({fleet.domain})",
        "digest": request.plan.digest,
        "phrase": request.plan.phrase,
        "what": request.plan.label(),
        "risk": request.plan.risk,
        "requester": request.requester,
        "requested": request.at.astimezone(UTC).isoformat(),
        "expires": request.expires.astimezone(UTC).isoformat(),
    }
    lines = [f"{name}: {tame(value)}" for name, value in facts.items()]
    return "\n".join(["I approve this plan for one run.", *lines, ""])


def signer_of(request: Request, fleet: Fleet, caller: Caller, armoured: str) -> tuple[Person, str]:
    """Whose signature this is, once it has proven to be one of this request.

    Args:
        request: what is approved.
        fleet: whose people sign.
        caller: who brought it. A login of fleet.toml brings its own person's signature; any other login, such as
            root's, may bring anybody's.
        armoured: the signature, as `ssh-keygen -Y sign` writes it.

    Returns:
        The person, and the key's fingerprint (`SHA256:…`).

    Raises:
        SignatureRefused: it is none, or for another purpose, of an unknown key, of another person, or over something
            else.
        TimedOut: ssh-keygen did not answer.
    """
    envelope = _envelope(request, armoured)
    if envelope.namespace != NAMESPACE:
        raise _refused(
            request,
            "the signature was made for another purpose",
            f"its namespace is {envelope.namespace!r}, not {NAMESPACE!r}",
        )
    person = _holder(request, fleet, envelope)
    login = next((known for known in fleet.people if known.name == caller.name), None)
    if login is not None and login.name != person.name:
        raise _refused(
            request,
            f"the signature is {person.name}'s, but {login.name} is logged in",
            "a person of fleet.toml approves with a key of their own",
        )
    assert person.ssh_key is not None
    if not is_signed_with(statement(request, fleet).encode(), armoured, person.name, person.ssh_key, NAMESPACE):
        raise _refused(
            request,
            f"the signature by {person.name} does not fit the statement of {request.name}",
            "it was made for another plan, or for an earlier request of this one",
        )
    return person, fingerprint(envelope.public_key)


def fingerprint(public_key: str) -> str:
    """A key's fingerprint as OpenSSH prints it, from the key in base64."""
    digest = hashlib.sha256(base64.b64decode(public_key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _envelope(request: Request, armoured: str) -> Envelope:
    try:
        return parse_envelope(armoured.encode(errors="replace"), "what was sent", "")
    except MalformedSignature as error:
        raise _refused(request, error.what, error.why) from None


def _holder(request: Request, fleet: Fleet, envelope: Envelope) -> Person:
    for person in fleet.people:
        if person.ssh_key and person.ssh_key.split()[1] == envelope.public_key:
            return person
    raise _refused(
        request,
        "the signature's key belongs to nobody whom fleet.toml lists",
        f"no ssh_key of [[people]] is {fingerprint(envelope.public_key)}",
    )


def _refused(request: Request, what: str, why: str) -> NocError:
    return SignatureRefused(
        what, why=why, fix=f"noc approve {request.plan.digest[:12]} --key FILE signs what is needed"
    )

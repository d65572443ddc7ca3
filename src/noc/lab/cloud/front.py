"""The front before moto: it refuses what the original refuses, answers what moto cannot, and tells of machines."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from noc.errors import NocError
from noc.fleet.regions import regions
from noc.lab.cloud.account import Account, Settings
from noc.lab.cloud.answer import Answer, document, query, refused
from noc.lab.cloud.moto import Moto
from noc.lab.cloud.prices import products
from noc.lab.cloud.question import MOST_BYTES, Question, read_question
from noc.lab.cloud.refusing import World, refusal

VCPU_QUOTA: Final = "L-1216C47A"
NODE_TAG: Final = "noc:node"
StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Machines(Protocol):
    """What becomes of machines behind the API: hosts of the lab, or nothing where a test looks at the API alone."""

    def address(self, node: str) -> str | None:
        """The public address that a node gets; None for any."""

    def started(self, node: str, user_data: str, authorized_key: str) -> None:
        """A machine is to run: with what it was handed at its first boot, and with whom it lets in."""

    def ended(self, node: str) -> None:
        """A machine is gone, with its disk."""


class NoMachines:
    """An API without machines behind it."""

    def address(self, node: str) -> str | None:  # noqa: ARG002 - the protocol's
        """Any."""
        return None

    def started(self, node: str, user_data: str, authorized_key: str) -> None:
        """Nothing starts."""

    def ended(self, node: str) -> None:
        """Nothing ends."""


class Front:
    """A WSGI application that speaks as AWS does. Requests are answered one after the other."""

    def __init__(self, machines: Machines | None = None, settings: Settings | None = None) -> None:
        """An empty account.

        Args:
            machines: what stands behind it.
            settings: what the account has.
        """
        self.account = Account(settings or Settings())
        self._machines, self._moto, self._lock = machines or NoMachines(), Moto(), threading.Lock()
        self._own: dict[str, Callable[[Question], Answer]] = {
            "account:ListRegions": self._regions,
            "account:GetRegionOptStatus": self._region,
            "account:EnableRegion": self._enable,
            "service-quotas:GetServiceQuota": self._quota,
            "pricing:GetProducts": products,
            "ec2:ModifyInstanceCreditSpecification": self._credit,
            "ec2:DescribeInstanceCreditSpecifications": self._credits,
        }

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        body = environ["wsgi.input"].read(min(int(environ.get("CONTENT_LENGTH") or 0), MOST_BYTES))
        with self._lock:
            try:
                question = read_question(environ, str(environ.get("PATH_INFO", "")), body)
            except (NocError, ValueError) as error:
                answer = document({"__type": "IncompleteSignature", "message": str(error)}, 400)
            else:
                answer = self._answer(question, partial(self._moto.ask, environ))
        start_response(f"{answer.status} -", [("Content-Type", answer.kind), ("Content-Length", str(len(answer.body)))])
        return [answer.body]

    def _answer(self, question: Question, ask: Callable[[bytes], Answer]) -> Answer:
        self.account.calls[question.call] += 1
        world = World(self._moto.running, self._moto.addresses, partial(self._moto.tags_of, question.region))
        if found := refusal(question, self.account, world):
            return refused(question, *found)
        if own := self._own.get(question.call):
            return own(question)
        if question.call == "ec2:RunInstances":
            return self._run(question, ask)
        if question.call == "ec2:AllocateAddress":
            question = self._with_address(question)
        ended = [self._node(question, name) for name in question.values("InstanceId")]
        answer = self._narrowed(question, ask(_body(question)))
        if question.call == "ec2:TerminateInstances" and answer.status == 200:
            for node in filter(None, ended):
                self._machines.ended(node)
        return answer

    def _run(self, question: Question, ask: Callable[[bytes], Answer]) -> Answer:
        """A client token makes two calls to make one machine one; another request by the same token is refused."""
        token = question.region, str(question.fields.get("ClientToken", ""))
        asked = dict(question.fields)
        if token[1] and token in self.account.tokens:
            before, answer = self.account.tokens[token]
            if before == asked:
                return Answer(answer.status, answer.kind, answer.body)
            return refused(question, "IdempotentParameterMismatch", "Arguments on this idempotent request differ")
        made = ask(_body(question))
        if made.status == 200:
            self.account.tokens[token] = asked, made
            self._start(question, made)
        return made

    def _start(self, question: Question, made: Answer) -> None:
        instance = _texts(made, "instanceId")[0]
        if node := self._node(question, instance):
            key = self._moto.public_key(question.region, str(question.fields["KeyName"]))
            self._machines.started(node, str(question.fields.get("UserData", "")), key)

    def _node(self, question: Question, instance: str) -> str | None:
        return self._moto.tags_of(question.region, "instance", instance).get(NODE_TAG)

    def _with_address(self, question: Question) -> Question:
        """moto gives out what it is asked for; the lab's machines have addresses of their own."""
        node = question.tags("elastic-ip").get(NODE_TAG, "")
        wanted = self._machines.address(node)
        fields = {**question.fields, "Address": wanted} if wanted else question.fields
        return Question(question.service, question.region, question.operation, question.key, fields)

    def _narrowed(self, question: Question, answer: Answer) -> Answer:
        """Where the account knows better than moto what a region has."""
        settings = self.account.settings
        if question.call == "ec2:DescribeImages" and question.region in settings.no_image:
            return query(question.operation, "<imagesSet/>")
        if question.call == "ec2:DescribeInstanceTypeOfferings" and question.region in settings.not_offered:
            return query(question.operation, "<instanceTypeOfferingSet/>")
        return answer

    def _regions(self, _question: Question) -> Answer:
        rows = [
            {"RegionName": name, "RegionOptStatus": self.account.standing(name)} for name in sorted(regions()["aws"])
        ]
        return document({"Regions": rows})

    def _region(self, question: Question) -> Answer:
        name = str(question.fields["RegionName"])
        return document({"RegionName": name, "RegionOptStatus": self.account.standing(name)})

    def _enable(self, question: Question) -> Answer:
        name = str(question.fields["RegionName"])
        if not self.account.is_on(name):
            self.account.enabling.setdefault(name, self.account.settings.enabling)
        return document({})

    def _quota(self, question: Question) -> Answer:
        if question.fields.get("QuotaCode") != VCPU_QUOTA:
            return document({"__type": "NoSuchResourceException", "message": "no such quota"}, 400)
        quota = {"QuotaCode": VCPU_QUOTA, "ServiceCode": "ec2", "Value": float(self.account.settings.vcpus)}
        return document({"Quota": quota})

    def _credit(self, question: Question) -> Answer:
        head = "InstanceCreditSpecification.1"
        instance, wanted = str(question.fields[f"{head}.InstanceId"]), str(question.fields[f"{head}.CpuCredits"])
        if wanted not in ("standard", "unlimited"):
            return refused(question, "InvalidParameterValue", f"{wanted} is no credit option")
        if not self._node(question, instance):
            return refused(question, "InvalidInstanceID.NotFound", f"The instance ID '{instance}' does not exist")
        self.account.credit[instance] = wanted
        done = f"<item><instanceId>{instance}</instanceId></item>"
        kept = "<unsuccessfulInstanceCreditSpecificationSet/>"
        done = f"<successfulInstanceCreditSpecificationSet>{done}</successfulInstanceCreditSpecificationSet>"
        return query(question.operation, done + kept)

    def _credits(self, question: Question) -> Answer:
        credit = {name: self.account.credit.get(name, "unlimited") for name in question.values("InstanceId")}
        rows = "".join(
            f"<item><instanceId>{name}</instanceId><cpuCredits>{kind}</cpuCredits></item>"
            for name, kind in credit.items()
        )
        return query(question.operation, f"<instanceCreditSpecificationSet>{rows}</instanceCreditSpecificationSet>")


def _body(question: Question) -> bytes:
    if "Action" in question.fields:
        return urlencode(question.fields).encode()
    return json.dumps(dict(question.fields)).encode()


def _texts(answer: Answer, tag: str) -> list[str]:
    """The texts of all elements of a name, whatever its namespace; the document is moto's own."""
    root = ET.fromstring(answer.body)  # noqa: S314
    return [each.text or "" for each in root.iter() if each.tag.rpartition("}")[2] == tag]

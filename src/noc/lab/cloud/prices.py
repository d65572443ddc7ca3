"""The price list of the stand-in: the program's own table, in the form in which AWS's price API tells it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from noc.fleet.prices import Price, price_list
from noc.lab.cloud.answer import Answer, document
from noc.lab.cloud.question import Question

AS_OF: Final = "2026-11-01T00:00:00Z"
DEARER: Final = 1.1
"""The stand-in's prices differ from the table's, so that what was read can be told from what was there."""


def products(question: Question) -> Answer:
    """The products that match all filters, one page of them."""
    wanted = {each["Field"]: each["Value"] for each in question.fields.get("Filters", [])}
    found = [
        json.dumps({"product": {"attributes": attributes}, "serviceCode": "AmazonEC2", "terms": _terms(usd, unit)})
        for attributes, usd, unit in _rows()
        if all(attributes.get(key) == value for key, value in wanted.items())
    ]
    return document({"FormatVersion": "aws_v1", "PriceList": found})


def _rows() -> Iterator[tuple[Mapping[str, str], float, str]]:
    for row in price_list().rows:
        if row.provider == "aws" and row.item in {"instance", "disk"}:
            yield _attributes(row), row.usd * DEARER, "Hrs" if row.item == "instance" else "GB-Mo"


def _attributes(row: Price) -> Mapping[str, str]:
    where = {"regionCode": row.region, "servicecode": "AmazonEC2"}
    if row.item == "disk":
        return where | {"productFamily": "Storage", "volumeApiName": row.kind}
    ordinary = {"operatingSystem": "Linux", "preInstalledSw": "NA", "tenancy": "Shared", "capacitystatus": "Used"}
    return where | ordinary | {"instanceType": row.kind}


def _terms(usd: float, unit: str) -> Mapping[str, Any]:
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": f"{usd:.10f}"}}
    return {"OnDemand": {"offer": {"effectiveDate": AS_OF, "priceDimensions": {"rate": dimension}}}}

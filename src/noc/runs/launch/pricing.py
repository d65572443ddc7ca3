"""Reading what machines and disks cost from the provider's own list, and keeping it beside the inventory."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import tomli_w

from noc.cloud.ec2.port import Account
from noc.cloud.ec2.regions import HOME
from noc.fleet.files import replace
from noc.fleet.model import Fleet
from noc.fleet.prices import FILE, Price, What

SOURCE: Final = "aws-price-api"
WORDS: Final = "AWS price list API, GetProducts of AmazonEC2, on demand"
_ORDINARY: Final = {"operatingSystem": "Linux", "preInstalledSw": "NA", "tenancy": "Shared", "capacitystatus": "Used"}


def refresh(account: Account, fleet: Fleet, directory: Path, today: date) -> list[Price]:
    """Read what the fleet's machines and disks cost, and keep it in the fleet directory.

    Returns:
        The rows that were read; what the provider did not tell keeps the price that it had.

    Raises:
        CloudRefused and those below it.
    """
    wanted = sorted({(n.region, n.instance_type) for n in fleet.nodes if n.provider == "aws" and n.region})
    rows = [row for region, kind in wanted for row in read(account, region, str(kind), today)]
    content = {"sources": {SOURCE: WORDS}, "price": [vars(row) for row in rows]}
    replace(directory / FILE, tomli_w.dumps(content))
    return rows


def read(account: Account, region: str, kind: str, today: date) -> Iterator[Price]:
    """The prices of one type of machine, and of its disk, in one region."""
    machine = {**_ORDINARY, "regionCode": region, "instanceType": kind}
    disk = {"regionCode": region, "productFamily": "Storage", "volumeApiName": "gp3"}
    yield from _prices(account, "instance", kind, machine, today)
    yield from _prices(account, "disk", "gp3", disk, today)


def _prices(account: Account, item: What, kind: str, wanted: Mapping[str, str], today: date) -> Iterator[Price]:
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    answer = account.region(HOME).call("pricing", "GetProducts", ServiceCode="AmazonEC2", Filters=filters)
    usd = [price for text in answer["PriceList"] for price in on_demand(json.loads(text))]
    if usd:
        yield Price("aws", wanted["regionCode"], item, kind, min(usd), SOURCE, today.isoformat())


def on_demand(product: Mapping[str, Any]) -> Iterable[float]:
    """What one product costs on demand, US dollars a unit; those that are free are not meant.

    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
    """
    offers = product.get("terms", {}).get("OnDemand", {}).values()
    rates = [rate for offer in offers for rate in offer["priceDimensions"].values()]
    return [usd for rate in rates if (usd := float(rate["pricePerUnit"].get("USD", 0))) > 0]

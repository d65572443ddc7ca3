"""`noc cost`: what the fleet costs a month, and the ways to less."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from noc.cli.options import FleetOption, JsonOption
from noc.cli.output import err, mark, out, plain, print_json, print_table

if TYPE_CHECKING:
    from noc.fleet.cost import FleetCost, MachineCost
    from noc.fleet.prices import PriceList, What
    from noc.fleet.thrift import Way

app = typer.Typer(add_completion=False)

PARTS: "tuple[tuple[What, str], ...]" = (
    ("instance", "instance"),
    ("disk", "disk"),
    ("address", "IPv4"),
    ("egress", "egress"),
)
BAR_WIDTH = 24
REFRESH_S = 300.0


@app.command()
def cost(
    *,
    fit: Annotated[
        float | None, typer.Option("--fit", metavar="USD", min=1, help="List the ways under so much a month.")
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Read AWS's own price list first, through the runner on HQ, and keep it.")
    ] = False,
    directory: FleetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each machine and the fleet cost a month at list prices, against the budget's ceiling.

    Returns 0 where the bill is under the ceiling, 1 where it is not.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 - help stays light

    from noc.fleet.cost import fleet_cost  # noqa: PLC0415
    from noc.fleet.directory import fleet_directory  # noqa: PLC0415
    from noc.fleet.load import load  # noqa: PLC0415
    from noc.fleet.prices import known_prices  # noqa: PLC0415
    from noc.fleet.thrift import ways  # noqa: PLC0415

    chosen = fleet_directory(directory)
    if refresh:
        _refresh()
    prices = known_prices(chosen)
    bill = fleet_cost(load(chosen), prices, datetime.now(UTC).date())
    ceiling = fit or bill.ceiling_usd
    found = ways(bill, prices, ceiling) if fit is not None else ()
    if as_json:
        print_json(document(bill, prices, found, ceiling))
    else:
        _show(bill)
        if fit is not None:
            _show_ways(found, bill, ceiling)
    if bill.usd > ceiling:
        raise typer.Exit(1)


def _refresh() -> None:
    from noc.runs.runner.client import Client  # noqa: PLC0415 - only where somebody asks for it

    answer = Client().ask("prices", nodes=[], timeout_s=REFRESH_S)
    err.print(f"{len(answer['prices'])} prices read, kept in {plain(answer['path'])}", soft_wrap=True)


def document(bill: "FleetCost", prices: "PriceList", ways: "tuple[Way, ...]", ceiling: float) -> dict[str, Any]:
    """The bill for `--json`: US dollars a month, each part with the row that says so."""
    return {
        "usd": round(bill.usd, 2),
        "ceiling_usd": ceiling,
        "over_usd": round(bill.usd - ceiling, 2),
        "free_egress_usd": round(bill.free_egress_usd, 2),
        "routing": _routing(bill),
        "unknown": list(bill.unknown),
        "machines": [_machine(each) for each in (bill.hub, *bill.nodes)],
        "ways": [vars(way) | {"fits": way.fits(ceiling)} for way in ways],
        "sources": dict(prices.sources),
    }


def _routing(bill: "FleetCost") -> dict[str, Any] | None:
    """What leading the domain to several nodes costs; None where it leads to one."""
    if bill.routing is None:
        return None
    price = bill.routing.price
    said = {"endpoints": bill.routing.endpoints, "usd": round(bill.routing.usd, 2)}
    return said | {"provider": price.provider, "source": price.source, "as_of": price.as_of}


def _machine(machine: "MachineCost") -> dict[str, Any]:
    items = [
        {"what": item.what, "usd": None if item.usd is None else round(item.usd, 2)}
        | ({"source": item.price.source, "as_of": item.price.as_of, "unit_usd": item.price.usd} if item.price else {})
        for item in machine.items
    ]
    return {
        "name": machine.name,
        "region": machine.region,
        "kind": machine.kind,
        "usd": round(machine.usd, 2),
        "left_out": machine.left_out,
        "items": items,
    }


def _show(bill: "FleetCost") -> None:
    dearest = max((each.usd for each in (bill.hub, *bill.nodes)), default=1) or 1
    rows = [_row(each, dearest) for each in (bill.hub, *sorted(bill.nodes, key=lambda each: -each.usd))]
    sums = ("", "", *(_usd(bill.part(what)) for what, _ in PARTS), _usd(bill.usd), "")
    free = [("free traffic", "", "", "", "", _usd(-bill.free_egress_usd), _usd(-bill.free_egress_usd), "")]
    led = [("routing", "-", *("-" for _ in PARTS), _usd(bill.routing.usd), "")] if bill.routing else []
    headings = ("machine", "region", *(name for _, name in PARTS), "$ a month", "")
    print_table(headings, [*rows, *led, *(free if bill.free_egress_usd else []), ("fleet", *sums[1:])])
    if bill.routing:
        words = f"to the nearest of several nodes: {bill.routing}"
        err.print(f"{mark('info', 'routing')}  {plain(words)}", soft_wrap=True)
    for name in bill.unknown:
        err.print(f"{mark('warn', name)}  a price is not known: the sum is at least what it says")
    if bill.guessed:
        shares = ", ".join(sorted({f"{row.item}s" if row.item != "egress" else row.item for row in bill.guessed}))
        err.print(
            f"{len(bill.guessed)} prices have no document behind them ({plain(shares)}); --json names each source"
        )
    verdict = f"${bill.usd:.2f} a month, ceiling ${bill.ceiling_usd:.0f}"
    if bill.over > 0:
        fix = f"noc cost --fit {bill.ceiling_usd:.0f} lists the ways under it"
        out.print(f"{mark('fail', f'${bill.over:.2f} over')}  {verdict}. {fix}")
    else:
        out.print(f"{mark('ok', f'${-bill.over:.2f} under')}  {verdict}")


def _row(machine: "MachineCost", dearest: float) -> tuple[str, ...]:
    if machine.left_out:
        word = mark("pending", f"left out: {machine.left_out}")
        return (machine.name, machine.region or "-", *("-" for _ in PARTS), "-", word)
    known = {item.what: item.usd for item in machine.items}
    cells = ("-" if what not in known else _usd(known[what]) for what, _ in PARTS)
    bar = "█" * round(machine.usd / dearest * BAR_WIDTH)
    return (machine.name, machine.region or machine.kind, *cells, _usd(machine.usd), bar)


def _usd(amount: float | None) -> str:
    return "?" if amount is None else f"{amount:.2f}"


def _show_ways(ways: "tuple[Way, ...]", bill: "FleetCost", ceiling: float) -> None:
    if not ways:
        out.print(mark("ok", f"nothing has to change to stay under ${ceiling:.0f}"))
        return
    rows = [
        (
            mark("ok", "fits") if way.fits(ceiling) else mark("fail", "does not"),
            f"{way.least:.2f}" if round(way.least, 2) == round(way.most, 2) else f"{way.least:.2f} to {way.most:.2f}",
            f"{bill.usd - way.most:.2f}",
            f"{number} {way.name}",
        )
        for number, way in enumerate(ways, 1)
    ]
    print_table((f"under ${ceiling:.0f}", "$ a month", "saves", "way"), rows)
    practices = {
        way.practice: [str(n) for n, each in enumerate(ways, 1) if each.practice == way.practice] for way in ways
    }
    for practice, numbers in practices.items():
        out.print(plain(f"{', '.join(numbers)}: {practice}"))

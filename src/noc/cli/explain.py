"""`noc explain CODE`: what an error code means."""

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated

import typer
from rich.markup import escape

import noc
from noc.cli.output import out, print_table
from noc.errors import NocError, NotFound

app = typer.Typer(add_completion=False)


def _all_errors(cls: type[NocError]) -> Iterator[type[NocError]]:
    for child in cls.__subclasses__():
        yield child
        yield from _all_errors(child)


def catalogue() -> dict[str, type[NocError]]:
    """Every error of every room by its code, "E301" → the class."""
    for room in pkgutil.iter_modules(noc.__path__):
        if room.ispkg and pkgutil.resolve_name(f"noc.{room.name}") is not None:
            for module in pkgutil.iter_modules(import_module(f"noc.{room.name}").__path__):
                if module.name == "errors":
                    import_module(f"noc.{room.name}.errors")
    return {cls.code: cls for cls in _all_errors(NocError)}


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(help="A code as errors print it: NOC-E301 or E301.")] = None,
) -> None:
    """Explain an error code, or list them all."""
    known = catalogue()
    if code is None:
        print_table(("code", "meaning"), [(f"NOC-{each}", _headline(known[each])) for each in sorted(known)])
        return
    wanted = code.upper().removeprefix("NOC-")
    if wanted not in known:
        raise NotFound(f"no error has the code {code}", fix="copy it from the message, as NOC-E301")
    text = inspect.cleandoc(known[wanted].__doc__ or "")
    out.print(f"NOC-{wanted}  {known[wanted].__name__}\n\n{text}", markup=False)


def _headline(error: type[NocError]) -> str:
    """The first paragraph of an error's explanation, on one line."""
    return escape(" ".join(inspect.cleandoc(error.__doc__ or "").partition("\n\n")[0].split()))

"""`noc explain CODE`: what an error code means."""

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated

import typer

import noc
from noc.cli.options import JsonOption
from noc.cli.output import out, print_json, print_table
from noc.errors import NocError, NotFound

app = typer.Typer(add_completion=False)


def catalogue() -> dict[str, type[NocError]]:
    """Every error of every room by its code, "E301" → the class; in the order of the codes."""
    for module in pkgutil.walk_packages(noc.__path__, "noc."):
        if module.name.endswith(".errors"):
            import_module(module.name)
    return {cls.code: cls for cls in sorted(all_errors(NocError), key=lambda cls: cls.code)}


def all_errors(cls: type[NocError]) -> Iterator[type[NocError]]:
    """Every error under a class."""
    for child in cls.__subclasses__():
        yield child
        yield from all_errors(child)


@app.command()
def explain(
    code: Annotated[str | None, typer.Argument(help="A code as errors print it: NOC-E301 or E301.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Explain an error code, or list them all."""
    known = catalogue()
    if code is not None:
        wanted = code.upper().removeprefix("NOC-")
        if wanted not in known:
            raise NotFound(f"no error has the code {code}", fix="copy it from the message, as NOC-E301")
        known = {wanted: known[wanted]}
    documents = [_document(error) for error in known.values()]
    if as_json:
        print_json({"errors": documents})
    elif code is None:
        print_table(("code", "meaning"), [(each["code"], _headline(each["explanation"])) for each in documents])
    else:
        for each in documents:
            out.print(f"{each['code']}  {each['name']}\n\n{each['explanation']}", markup=False)


def _document(error: type[NocError]) -> dict[str, str]:
    text = inspect.cleandoc(error.__doc__ or "")
    return {"code": f"NOC-{error.code}", "name": error.__name__, "explanation": text}


def _headline(text: str) -> str:
    """The first paragraph, on one line."""
    return " ".join(text.partition("\n\n")[0].split())

"""The activator's command line."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

from .state import Refused

Verbs = Mapping[str, Callable[..., Any]]


class _Parser(argparse.ArgumentParser):
    """One that says what is wrong instead of ending the program, which may have other questions to answer."""

    def error(self, message: str) -> NoReturn:
        raise Refused("usage", message)


def parse(argv: Sequence[str], verbs: Verbs) -> argparse.Namespace:
    """Read the arguments of one verb. Raises Refused("usage")."""
    return _parser(tuple(verbs.items())).parse_args(argv)


@lru_cache(1)
def _parser(verbs: Sequence[tuple[str, Callable[..., Any]]]) -> argparse.ArgumentParser:
    parser = _Parser(prog="activator.py", description="Changes what this node runs.")
    parser.add_argument("--layout", help="a JSON file that names other places and commands")
    commands = parser.add_subparsers(dest="verb", required=True)
    made = {name: commands.add_parser(name, help=(verb.__doc__ or "").splitlines()[0]) for name, verb in verbs}
    commands.add_parser("serve", help="Answer verbs given as JSON lines, until the input ends.")
    made["offer"].add_argument("sha", type=_sha)
    made["offer"].add_argument("--manifest", required=True, metavar="BASE64")
    made["offer"].add_argument("--signature", required=True, metavar="BASE64")
    made["compare"].add_argument("hashes", help='a JSON object: path → "MODE SHA256", or "link TARGET"')
    made["fetch"].add_argument("set", type=_sha, help="a set of packages that `outdated` named")
    made["receive"].add_argument("sha256", type=_sha, help="of a database that is sent here")
    made["receive"].add_argument("--bytes", type=int, required=True)
    made["receive"].add_argument("--run", type=_run, required=True)
    made["receive"].add_argument("--at", type=_moment, required=True, help="when it was copied, ISO 8601")
    made["backup"].add_argument("key", type=_sha, help="names chunks: a secret, so it is only given in a session")
    made["chunk"].add_argument("name", type=_sha)
    made["chunk"].add_argument("--offset", type=int, default=0, metavar="BYTES")
    made["fence"].add_argument("number", type=int)
    made["directory"].add_argument("sha", type=_sha, nargs="?", help="of a head that was put here")
    for name in ("verify", "arm", "start"):
        made[name].add_argument("sha", type=_sha, nargs="?", help="a staged release; without it the running one stays")
        made[name].add_argument("--config", type=_sha, metavar="SHA", help="a staged configuration")
        made[name].add_argument("--system", type=_sha, metavar="SHA", help="a staged set of packages")
    for name in ("arm", "start"):
        _order(made[name])
    for name in ("go", "act", "status", "confirm", "revert", "recover"):
        made[name].add_argument("run", type=_run)
    made["status"].add_argument("--wait", type=float, default=0.0, metavar="SECONDS")
    made["status"].add_argument("--not", dest="known", metavar="STATE")
    made["revert"].add_argument("--reason", default="no reason given")
    made["revert"].add_argument("--restore-data", action="store_true")
    return parser


def _order(command: argparse.ArgumentParser) -> None:
    command.add_argument("--run", type=_run, required=True)
    command.add_argument("--fence", type=int, required=True)
    command.add_argument("--confirm-within", type=float, required=True, metavar="SECONDS")
    command.add_argument("--health-within", type=float, default=30.0, metavar="SECONDS")
    command.add_argument("--go-within", type=float, default=600.0, metavar="SECONDS")
    command.add_argument("--replace", action="store_true", help="a node without a release takes one of any age")
    command.add_argument("--restore-data", action="store_true", help="a rollback puts the database back, too")
    command.add_argument("--data", type=int, metavar="NUMBER", help="the snapshot that becomes the database")


def _sha(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise argparse.ArgumentTypeError("not a SHA-256 in lower-case hex")
    return text


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise argparse.ArgumentTypeError("a time without its zone")
    return text


def _run(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", text):
        raise argparse.ArgumentTypeError("not the id of a run")
    return text

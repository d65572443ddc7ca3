"""How a stand-in's program is told where it answers, by which token, and with which certificate."""

import argparse
import ssl
from dataclasses import dataclass
from pathlib import Path


def arguments(about: str | None) -> argparse.ArgumentParser:
    """What every stand-in's program takes; `about` says what it is."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--listen", required=True, help="address:port")
    parser.add_argument("--token-file", type=Path, required=True, help="the token that callers show")
    parser.add_argument("--certificate", type=Path, help="plain HTTP without one, for loopback")
    parser.add_argument("--key", type=Path)
    return parser


@dataclass(frozen=True)
class Place:
    """Where a stand-in answers.

    Attributes:
        address: host and port.
        token: what callers show.
        tls: None for plain HTTP.
    """

    address: tuple[str, int]
    token: str
    tls: ssl.SSLContext | None


def read_place(options: argparse.Namespace) -> Place:
    """The place that the arguments name. Raises OSError and ValueError for files and addresses that are none."""
    tls = None
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate, options.key)
    host, _, port = options.listen.rpartition(":")
    return Place((host, int(port)), options.token_file.read_text().strip(), tls)

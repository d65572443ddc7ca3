"""The stand-in as a server on one address: for unit tests on loopback, for the lab inside its own network."""

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from noc.lab.cloud.front import StartResponse
from noc.lab.errors import LabNeeds

Application = Callable[[Mapping[str, Any], StartResponse], Iterable[bytes]]


@contextmanager
def served(
    front: Application, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve a front for as long as this lasts.

    Args:
        front: the application.
        address, port: where; 0 for a free port.
        tls: its certificate; plain HTTP where None.

    Yields:
        Its URL.
    """
    try:
        from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415 - comes with moto
    except ImportError as error:
        raise LabNeeds(
            "the stand-in for AWS needs moto", why=str(error), fix='pip install "moto[ec2,server]"'
        ) from None

    class Quiet(WSGIRequestHandler):
        """Its log would be a line a request."""

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """Say nothing."""

    server = make_server(address, port, front, threaded=True, request_handler=Quiet, ssl_context=tls)
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), name="cloud", daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://{address}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

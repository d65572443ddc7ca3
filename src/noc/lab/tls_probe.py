"""A program that a stranger's network namespace runs: one strict TLS connection and one GET, as a JSON document.

`python -m noc.lab.tls_probe HOSTNAME ADDRESS CA_FILE`; exits 1 where the certificate or the answer is not right.
"""

import http.client
import json
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 10


def probe(hostname: str, address: str, ca_file: str) -> dict[str, object]:
    """Connect to ADDRESS:443, verify its certificate for HOSTNAME against CA_FILE, and ask for /health.

    Returns:
        ok, status, protocol, issuer, and days the certificate still lasts; or ok=False and the error.
    """
    context = ssl.create_default_context(cafile=ca_file)
    try:
        with (
            socket.create_connection((address, 443), TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=hostname) as tls,
        ):
            tls.sendall(f"GET /health HTTP/1.1\r\nHost: {hostname}\r\nConnection: close\r\n\r\n".encode())
            answer = http.client.HTTPResponse(tls)
            answer.begin()
            certificate = tls.getpeercert() or {}
            return _seen(answer.status, tls.version() or "", certificate)
    except (OSError, http.client.HTTPException) as error:
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


def _seen(status: int, protocol: str, certificate: Mapping[str, Any]) -> dict[str, object]:
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    issuer = [value for part in certificate["issuer"] for _, value in part]
    days = (ends - time.time()) / 86400
    return {
        "ok": status == 200 and days > 0,
        "status": status,
        "protocol": protocol,
        "issuer": ", ".join(issuer),
        "days": round(days, 1),
    }


if __name__ == "__main__":
    seen = probe(*sys.argv[1:4])
    sys.stdout.write(json.dumps(seen) + "\n")
    sys.exit(0 if seen["ok"] else 1)

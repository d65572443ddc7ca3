"""Runs on a node: switch to a release, restart, wait until it answers; prints the seconds. `limit.py SHA VERSION`."""

import http.client
import json
import os
import subprocess
import sys
import time

CURRENT, NEXT = "/opt/clavitor/current", "/opt/clavitor/limit"
WITHIN_S = 30


def version() -> str:
    """The version that answers with 200, "" where none does."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=5)
    try:
        connection.request("GET", "/health", headers={"Connection": "close"})
        answer = connection.getresponse()
        return str(json.load(answer)["version"]) if answer.status == 200 else ""
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def main() -> None:
    """Change over, and print how long it took."""
    release, wanted = sys.argv[1:]
    started = time.monotonic()
    os.symlink(f"releases/{release}", NEXT)  # noqa: PTH211 - a name beside the one that is replaced
    os.replace(NEXT, CURRENT)  # noqa: PTH105 - as the activator does it
    subprocess.run(["systemctl", "restart", "clavitor.service"], check=True, timeout=90)
    while version() != wanted:
        if time.monotonic() > started + WITHIN_S:
            sys.exit(f"not healthy within {WITHIN_S} s")
        time.sleep(0.005)
    print(time.monotonic() - started)


if __name__ == "__main__":
    main()

"""The demo's way to its watch: the local API, as every other client uses it."""

from typing import Any

import httpx

TIMEOUT_S = 5


class Door:
    """The watch's local listener. What it cannot answer yet is None: the demo asks again."""

    def __init__(self, port: int) -> None:
        """Take the port of the page on 127.0.0.1."""
        self.page = f"http://127.0.0.1:{port}/"
        self._client = httpx.AsyncClient(base_url=self.page, timeout=TIMEOUT_S, trust_env=False)
        self._seen = 0

    async def is_open(self) -> bool:
        """Whether the watch answers and can store pushes."""
        return await self._get("health") is not None

    async def nodes(self) -> list[dict[str, Any]]:
        """Every node with its state; none where the watch does not answer."""
        document = await self._get("api/v1/nodes")
        return document["nodes"] if document else []

    async def new_events(self) -> list[dict[str, Any]]:
        """What happened since the last call, in order."""
        document = await self._get(f"api/v1/events?after={self._seen}")
        events: list[dict[str, Any]] = document["events"] if document else []
        self._seen = events[-1]["id"] if events else self._seen
        return events

    async def reload(self) -> bool:
        """Have the watch read the fleet directory again; whether it did."""
        try:
            return (await self._client.post("api/v1/reload")).is_success
        except httpx.HTTPError:
            return False

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()

    async def _get(self, path: str) -> Any:  # noqa: ANN401 - a JSON document
        try:
            answer = await self._client.get(path)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None

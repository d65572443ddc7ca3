"""Requirement 16: a node's token reports for that node alone; used from elsewhere it is refused and reported."""

from pathlib import Path

from watch_kit import Server, token, until, write_fleet


def beats(server: Server, name: str) -> int:
    return len(server.ask(f"/api/v1/nodes/{name}/heartbeats?limit=100")[1]["heartbeats"])


def test_a_token_of_one_node_at_another_is_refused_stored_nowhere_and_reported(tmp_path: Path) -> None:
    with Server(tmp_path, write_fleet(tmp_path / "fleet")) as server:
        for path in (f"/api/push/{token('virginia')}",) * 3:
            assert server.push("singapore", "status=down&msg=killed-KILL", path=path)[0] == 404
        (event,) = until(lambda: server.events("foreign-token"), what="it is reported")
        assert (beats(server, "virginia"), beats(server, "singapore"), server.incidents()) == (0, 0, [])
        assert event["detail"]["owner"] == "virginia"
        assert event["detail"]["sender"] == "singapore"
        assert token("virginia") not in server.log.read_text()
        assert server.push("virginia")[0] == 200
        assert beats(server, "virginia") == 1

"""What makes a line of milestone M3 pass, and what must make it fail."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from noc.lab import acceptance
from noc.lab.stranger import Scan, Tls, parse_nmap
from noc.lab.trials import Trial
from noc.runs.review.report import Line, Report, Verdict, write_html

NODES = ("virginia", "frankfurt")


def event(node: str, state: str, at: str) -> dict[str, str]:
    return {"node": node, "step": "activate", "state": state, "at": at}


def deployment(
    verdicts: tuple[str, str] = ("confirmed", "confirmed"), second_begins: str = "12:00:05"
) -> dict[str, object]:
    rows = [
        {"node": node, "before": "1.0.0", "now": "1.1.0", "verdict": verdict}
        for node, verdict in zip(NODES, verdicts, strict=True)
    ]
    events = [
        event("virginia", "started", "12:00:00"),
        event("virginia", "ok", "12:00:04"),
        event("frankfurt", "started", second_begins),
        event("frankfurt", "ok", "12:00:09"),
    ]
    return {"run": "r1", "nodes": rows, "events": events}


def trial(alert_s: float = 1.0) -> Trial:
    return Trial(fault="kill", alert_s=alert_s, alert="SEV2 frankfurt", restored_s=None, recovered_s=12.0)


def test_a_rolling_deployment_passes_when_each_node_is_confirmed_in_turn() -> None:
    assert acceptance.rolling(deployment(), NODES, "1.1.0").verdict is Verdict.PASSED


def test_a_rolling_deployment_fails_when_one_node_was_rolled_back() -> None:
    line = acceptance.rolling(deployment(("confirmed", "rolled-back")), NODES, "1.1.0")
    assert line.verdict is Verdict.FAILED


def test_a_rolling_deployment_fails_when_two_activations_overlap() -> None:
    line = acceptance.rolling(deployment(second_begins="12:00:03"), NODES, "1.1.0")
    assert line.verdict is Verdict.FAILED
    assert "virginia, frankfurt" in line.summary


def test_a_rolling_deployment_fails_when_a_node_was_never_activated() -> None:
    document = deployment()
    assert acceptance.rolling({**document, "events": []}, NODES, "1.1.0").verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("alert_s", "healthy", "verdict"),
    [
        (119, True, Verdict.PASSED),
        (121, True, Verdict.FAILED),
        (1, False, Verdict.FAILED),
    ],
)
def test_the_killed_service_needs_an_alert_in_time_and_a_green_end(
    alert_s: float, healthy: bool, verdict: Verdict
) -> None:
    assert acceptance.killed([trial(alert_s)], healthy).verdict is verdict


@pytest.mark.parametrize(
    ("death_s", "cut_s", "verdict"),
    [
        (4.9, 10.9, Verdict.PASSED),
        (5.1, 10.9, Verdict.FAILED),
        (4.9, 11.1, Verdict.FAILED),
    ],
)
def test_detection_has_a_bound_for_a_death_and_one_for_a_cut(death_s: float, cut_s: float, verdict: Verdict) -> None:
    assert acceptance.noticed(trial(death_s), trial(cut_s), 5, 2).verdict is verdict


@pytest.mark.parametrize(
    ("ports", "scanned", "verdict"),
    [
        ((80, 443), 65535, Verdict.PASSED),
        ((22, 80, 443), 65535, Verdict.FAILED),
        ((80,), 65535, Verdict.FAILED),
        ((80, 443), 1000, Verdict.FAILED),
    ],
)
def test_the_port_scan_wants_exactly_80_and_443_of_every_port(
    ports: tuple[int, ...], scanned: int, verdict: Verdict
) -> None:
    assert acceptance.closed({"virginia": Scan("198.51.100.21", scanned, ports)}).verdict is verdict


def test_one_invalid_certificate_fails_the_line_and_shows_its_reason() -> None:
    line = acceptance.tls_valid({"virginia": Tls(ok=True, seen="TLSv1.3"), "frankfurt": Tls(ok=False, seen="expired")})
    assert line.verdict is Verdict.FAILED
    assert [item.value for item in line.evidence] == ["TLSv1.3", "expired"]


@pytest.mark.parametrize("line", [acceptance.killed([], True), acceptance.closed({}), acceptance.tls_valid({})])
def test_a_line_without_observations_is_no_pass(line: Line) -> None:
    assert line.verdict is Verdict.FAILED


def test_the_scan_counts_ports_that_answered_as_open_and_no_others() -> None:
    xml = """<nmaprun><scaninfo type="syn" protocol="tcp" numservices="65535"/><host><ports>
      <port protocol="tcp" portid="443"><state state="open"/></port>
      <port protocol="tcp" portid="80"><state state="open"/></port>
      <port protocol="tcp" portid="22"><state state="filtered"/></port></ports></host></nmaprun>"""
    assert parse_nmap("198.51.100.21", xml) == Scan("198.51.100.21", 65535, (80, 443))


def report(*lines: Line) -> Report:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    return Report(milestone="M3", title="pilot", setting=("a rehearsal",), started=now, ended=now, lines=lines)


def test_a_report_is_a_go_only_if_every_line_passed() -> None:
    good, bad = acceptance.killed([trial()], True), acceptance.killed([trial()], False)
    assert report(good).go
    assert not report(good, bad).go


def test_a_report_without_lines_is_a_no_go() -> None:
    assert not report().go


def test_the_digest_changes_with_any_line() -> None:
    assert report(acceptance.killed([trial(1)], True)).digest != report(acceptance.killed([trial(2)], True)).digest


def test_the_page_needs_nothing_from_outside_and_escapes_what_nodes_say(tmp_path: Path) -> None:

    path = tmp_path / "report.html"
    hostile = acceptance.tls_valid({"virginia": Tls(ok=False, seen="<script>alert(1)</script>")})
    write_html(report(hostile), path)
    page = path.read_text()
    assert "NO-GO" in page
    assert "<script>" not in page
    assert "src=" not in page
    assert "http" not in page.replace("http-equiv", "")

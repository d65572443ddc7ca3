"""`/metrics`: well-formed to Prometheus' own tools, true of nodes that push, silent of those that do not."""

import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from math import inf
from pathlib import Path
from shutil import which

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.watch.api.exposition import Family, Histogram, Sample, exposition
from noc.watch.api.meters import Meters
from noc.watch.api.metrics import node_families, sighting_families, telemetry_families
from noc.watch.clock import Moment, now
from noc.watch.service.watch import Watch
from noc.watch.store.records import Beat, Incident, IncidentSaved, Sighting
from watch_kit import Server, free_port, until, write_fleet
from watching import watching

CONTRACT = {
    "ram_mb": 412,
    "disk_pct": 31.5,
    "cpu_pct": 2,
    "db_size_mb": 3.5,
    "db_integrity": "ok",
    "active_sessions": 4,
    "req_1h": 1000,
    "err_1h": 3,
    "cert_days_remaining": 60,
    "nix_gen": 12,
    "uptime_s": 86_400,
}
LABELS = {"frankfurt": {"node": "frankfurt", "region": "eu-central-1"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a loopback port; one node has pushed what the contract has, and a field whose name is hostile."""
    folder = tmp_path_factory.mktemp("metrics")
    server = Server(folder, write_fleet(folder / "fleet", push_interval=600))
    server.local = f"127.0.0.1:{free_port()}"
    with server:
        body = json.dumps({**CONTRACT, 'evil"} 1\nnoc_fake 2 \\': 7}).encode()
        assert server.push("frankfurt", "status=up&seq=1&boot=b1&v=1.0.0", body=body)[0] == 200
        server.push("virginia", "status=down&msg=killed-KILL&boot=b1")
        until(server.incidents, what="the death is an incident")
        yield server


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    """A watch in this process, of three live nodes that push every 30 s."""
    async with watching(tmp_path) as watch:
        yield watch


def metrics(server: Server) -> str:
    answer = httpx.get(f"http://{server.local}/metrics", timeout=10)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.text


def values(text: str) -> dict[str, float]:
    """Every sample by its name and labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_promtool_finds_nothing_to_say(server: Server) -> None:
    program = which("promtool")
    assert program, "promtool is missing: sh tools/packages.sh test"
    done = subprocess.run(
        [program, "check", "metrics"], input=metrics(server), capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_field_of_the_contract_is_a_gauge_in_base_units(server: Server) -> None:
    found = values(metrics(server))
    of_node = '{node="frankfurt",region="eu-central-1"}'
    assert {name: found[f"noc_node_{name}{of_node}"] for name in EXPECTED} == EXPECTED


EXPECTED = {
    "memory_bytes": 412 * 1024**2,
    "disk_ratio": 0.315,
    "cpu_ratio": 0.02,
    "database_bytes": 3.5 * 1024**2,
    "database_intact": 1,
    "sessions": 4,
    "requests_last_hour": 1000,
    "errors_last_hour": 3,
    "certificate_remaining_seconds": 60 * 86_400,
    "generation": 12,
    "uptime_seconds": 86_400,
}


def test_a_hostile_field_makes_one_label_and_no_line(server: Server) -> None:
    text = metrics(server)
    assert sum(line.startswith("noc_node_field{") for line in text.splitlines()) == 1
    assert not any(line.startswith("noc_fake") for line in text.splitlines())


def test_states_incidents_and_pushes_are_counted(server: Server) -> None:
    found = values(metrics(server))
    assert found['noc_node_state{node="virginia",region="us-east-1",state="down"}'] == 1
    assert found['noc_node_state{node="virginia",region="us-east-1",state="up"}'] == 0
    assert (found['noc_incidents_open{severity="SEV2"}'], found['noc_incidents_open{severity="SEV1"}']) == (1, 0)
    assert found['noc_pushes_total{node="frankfurt"}'] == 1
    assert found["noc_push_ingest_seconds_count"] == 2
    assert found["noc_incident_detection_seconds_count"] == 1
    assert found["noc_watch_storing"] == 1


def test_a_real_prometheus_scrapes_it(server: Server, tmp_path: Path) -> None:
    program, port = which("prometheus"), free_port()
    assert program, "prometheus is missing: sh tools/packages.sh test"
    jobs = f"[{{job_name: noc, static_configs: [{{targets: ['{server.local}']}}]}}]"
    (tmp_path / "prometheus.yml").write_text(f"global: {{scrape_interval: 1s}}\nscrape_configs: {jobs}\n")
    argv = [program, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*argv, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        until(lambda: asked(port, "up") == [1.0], within=40, what=f"it scrapes; see {tmp_path}/log")
        assert asked(port, 'noc_node_memory_bytes{node="frankfurt"}') == [412 * 1024**2]
        assert asked(port, "histogram_quantile(0.5, noc_push_ingest_seconds_bucket)")[0] < 5
    finally:
        process.terminate()
        process.wait(20)


def asked(port: int, query: str) -> list[float]:
    """What Prometheus answers to a query."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, timeout=10)
    except httpx.HTTPError:
        return []
    found = answer.json().get("data", {}).get("result", []) if answer.is_success else []
    return [float(each["value"][1]) for each in found]


async def test_a_node_that_fell_silent_has_no_telemetry_rather_than_its_last(watch: Watch) -> None:
    moment = now()
    await watch.take(Beat("frankfurt", moment.wall, telemetry={"ram_mb": 412}), moment)

    def names(after_s: float) -> set[str]:
        later = Moment(moment.mono + after_s, moment.wall + round(after_s * 1000))
        return {family.name for family in node_families(watch, later) if family.samples}

    assert {"noc_node_memory_bytes", "noc_node_info"} <= names(59)
    assert names(61) == {"noc_node_state", "noc_node_last_push_timestamp_seconds"}


async def test_what_the_witness_saw_is_told_while_it_is_fresh(watch: Watch) -> None:
    moment = now()
    seen = Sighting("frankfurt", moment.wall, True, "", "200", 41.5, certificate_until=2_000_000_000_000)
    watch.witnessed("frankfurt", seen, moment)
    found = {family.name: [each.value for each in family.samples] for family in sighting_families(watch, moment)}
    assert found == {
        "noc_node_serves": [True],
        "noc_node_serves_seconds": [0.0415],
        "noc_node_certificate_expiry_timestamp_seconds": [2_000_000_000],
    }
    later = Moment(moment.mono + 600, moment.wall + 600_000)
    assert [family.samples for family in sighting_families(watch, later)] == [[], [], []]


def test_a_broken_database_is_a_zero() -> None:
    families = telemetry_families({"frankfurt": {"db_integrity": "row 7 missing"}}, LABELS)
    assert [each.value for family in families for each in family.samples] == [False]


def test_detection_is_measured_from_the_exact_start_to_the_disk() -> None:
    meters, start = Meters({"frankfurt"}.__contains__), now().wall - 40
    meters.note([IncidentSaved(Incident(1, "frankfurt", "missed", "", start), "opened")])
    meters.note([IncidentSaved(Incident(1, "frankfurt", "missed", "", start), "escalated")])
    sums = {sample.suffix: sample.value for sample in meters.detection.samples() if sample.suffix != "_bucket"}
    assert sums["_count"] == 1
    assert sums["_sum"] >= 0.04


def test_what_hq_writes_of_itself_is_no_push() -> None:
    meters = Meters({"frankfurt"}.__contains__)
    meters.note([Beat("zurich", now().wall), Beat("frankfurt", now().wall)])
    assert meters.pushes == {"frankfurt": 1}


@given(st.lists(st.floats(0, 100), max_size=30))
def test_a_histogram_counts_each_observation_in_every_bucket_that_holds_it(given: list[float]) -> None:
    bounds = (0.5, 1.0, 10.0)
    histogram = Histogram(bounds)
    for value in given:
        histogram.observe(value)
    buckets = [sample.value for sample in histogram.samples() if sample.suffix == "_bucket"]
    assert buckets == [sum(value <= bound for value in given) for bound in (*bounds, inf)]


@given(st.text(min_size=1, max_size=40))
def test_any_text_makes_one_line_that_says_it(given: str) -> None:
    text = exposition([Family("noc_x", "gauge", "help", [Sample(1, {"field": given})])])
    body = text.split("\n")
    assert len(body) == 4
    found = re.fullmatch(r'noc_x\{field="((?:[^"\\]|\\.)*)"\} 1', body[2], re.DOTALL)
    assert found is not None
    said = re.sub(r"\\(.)", lambda each: {"n": "\n"}.get(each[1], each[1]), found[1])
    assert said == given

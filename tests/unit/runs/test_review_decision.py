"""Decisions: signed over one report by an approver's key, kept, and worth nothing once something of that is not so."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from noc.fleet.load import load
from noc.fleet.model import Fleet
from noc.hosts.trust import generate_key
from noc.release.sshkeygen import sign_text
from noc.runs.review.decision import NAMESPACE, decide, statement
from noc.runs.review.errors import DecisionRefused, NoReport
from noc.runs.review.report import Line, Report, Verdict
from noc.runs.review.shelf import Shelf

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
JOHAN, JAMES = generate_key("johan"), generate_key("james")


def report(verdict: Verdict = Verdict.PASSED, at: datetime = NOW) -> Report:
    line = Line(name="Nodes", accepted_when="", verdict=verdict, summary="")
    return Report(milestone="M4", title="go or no-go", setting=(), started=at, ended=at, lines=(line,))


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    plan = load(Path(__file__).parents[3] / "fleet")
    keys = {"johan": JOHAN.public, "james": JAMES.public}
    people = tuple(each.model_copy(update={"ssh_key": keys[each.name]}) for each in plan.people)
    return plan.model_copy(update={"people": people})


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    paths = {}
    for name, pair in (("johan", JOHAN), ("james", JAMES)):
        paths[name] = tmp_path / name
        paths[name].touch(mode=0o600)
        paths[name].write_bytes(pair.private)
    return paths


def signed(text: str, key: Path, namespace: str = NAMESPACE) -> str:
    return sign_text(text.encode(), key, namespace).decode()


def test_an_approver_s_signature_is_a_decision(fleet: Fleet, keys: dict[str, Path]) -> None:
    made = decide(report(), "go", fleet, signed(statement(report(), "go", fleet), keys["johan"]), NOW)
    assert (made.word, made.person, made.digest) == ("go", "johan", report().digest)


def test_an_operator_decides_nothing(fleet: Fleet, keys: dict[str, Path]) -> None:
    with pytest.raises(DecisionRefused, match="no approver"):
        decide(report(), "go", fleet, signed(statement(report(), "go", fleet), keys["james"]), NOW)


def test_a_name_alone_is_no_signature(fleet: Fleet) -> None:
    with pytest.raises(DecisionRefused):
        decide(report(), "go", fleet, "johan", NOW)


def test_a_signature_of_another_report_does_not_fit(fleet: Fleet, keys: dict[str, Path]) -> None:
    other = report(at=datetime(2026, 11, 27, tzinfo=UTC))
    with pytest.raises(DecisionRefused, match="does not fit"):
        decide(report(), "go", fleet, signed(statement(other, "go", fleet), keys["johan"]), NOW)


def test_a_signed_no_go_is_no_go(fleet: Fleet, keys: dict[str, Path]) -> None:
    with pytest.raises(DecisionRefused, match="does not fit"):
        decide(report(), "go", fleet, signed(statement(report(), "no-go", fleet), keys["johan"]), NOW)


def test_an_approval_of_a_plan_is_no_decision(fleet: Fleet, keys: dict[str, Path]) -> None:
    with pytest.raises(DecisionRefused, match="does not fit"):
        decide(report(), "go", fleet, signed(statement(report(), "go", fleet), keys["johan"], "noc-approval"), NOW)


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.NOT_RUN])
def test_a_report_with_an_open_line_cannot_be_a_go(fleet: Fleet, keys: dict[str, Path], verdict: Verdict) -> None:
    with pytest.raises(DecisionRefused, match="cannot be a go"):
        decide(report(verdict), "go", fleet, signed(statement(report(verdict), "go", fleet), keys["johan"]), NOW)


def test_no_go_needs_no_passed_line(fleet: Fleet, keys: dict[str, Path]) -> None:
    bad = report(Verdict.FAILED)
    assert decide(bad, "no-go", fleet, signed(statement(bad, "no-go", fleet), keys["johan"]), NOW).word == "no-go"


def kept(tmp_path: Path, fleet: Fleet, key: Path) -> Shelf:
    shelf = Shelf(tmp_path / "reviews")
    place = shelf.put(report())
    shelf.decide(place, decide(report(), "go", fleet, signed(statement(report(), "go", fleet), key), NOW))
    return shelf


def test_a_kept_decision_is_found_again(tmp_path: Path, fleet: Fleet, keys: dict[str, Path]) -> None:
    found = kept(tmp_path, fleet, keys["johan"]).decision("M4", fleet)
    assert found is not None
    assert found.person == "johan"


def test_a_decision_of_somebody_who_was_let_go_holds_no_more(
    tmp_path: Path, fleet: Fleet, keys: dict[str, Path]
) -> None:
    without = fleet.model_copy(update={"people": tuple(each for each in fleet.people if each.name != "johan")})
    assert kept(tmp_path, fleet, keys["johan"]).decision("M4", without) is None


def test_a_report_that_was_changed_by_hand_takes_its_decision_along(
    tmp_path: Path, fleet: Fleet, keys: dict[str, Path]
) -> None:
    shelf = kept(tmp_path, fleet, keys["johan"])
    place, _ = shelf.find("M4")
    path = place / "report.json"
    path.write_text(path.read_text().replace('"Nodes"', '"Nothing"'))
    assert shelf.decision("M4", fleet) is None


def test_the_newest_report_is_found_first(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.put(report())
    newer = report(at=datetime(2026, 11, 27, tzinfo=UTC))
    shelf.put(newer)
    assert shelf.newest("M4") == newer


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoReport):
        Shelf(tmp_path).find("M4")


def test_a_report_s_page_lies_beside_it(tmp_path: Path) -> None:
    assert "GO" in (Shelf(tmp_path).put(report()) / "report.html").read_text()

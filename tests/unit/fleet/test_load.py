"""Reading fleet.toml: every mistake at once, each at its line, each with what mends it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from noc.fleet.document import MAX_BYTES
from noc.fleet.errors import FileUnreadable, FleetProblems, Problem
from noc.fleet.load import load

PLAN = Path(__file__).parents[3] / "fleet"


def problems_of(directory: Path) -> tuple[Problem, ...]:
    with pytest.raises(FleetProblems) as caught:
        load(directory)
    return caught.value.problems


def line_of(directory: Path, text: str) -> int:
    lines = (directory / "fleet.toml").read_text().splitlines()
    return max(number for number, line in enumerate(lines, 1) if text in line)


def test_the_plans_fleet_has_twenty_nodes_in_their_order() -> None:
    assert [node.number for node in load(PLAN).nodes] == list(range(1, 21))


def test_what_stands_commented_out_in_the_plans_fleet_can_be_used_as_it_is(tmp_path: Path) -> None:
    text = (PLAN / "fleet.toml").read_text()
    (tmp_path / "fleet.toml").write_text(re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE))
    fleet = load(tmp_path)
    assert (fleet.approval.low, fleet.approval.high, fleet.approval.signed) == ("nobody", "delayed", "high")
    assert [window.start for window in fleet.freeze] == ["Fri 17:00"]
    assert fleet.policy == load(PLAN).policy


def test_the_plans_pilot_is_batch_zero() -> None:
    assert {node.name for node in load(PLAN).nodes if node.batch == 0} == {"virginia", "frankfurt", "singapore"}


def test_the_plans_batches_are_of_four_or_five() -> None:
    batches = [node.batch for node in load(PLAN).nodes]
    assert [batches.count(batch) for batch in range(1, 5)] == [4, 4, 4, 5]


def test_the_plans_tunnel_addresses_follow_the_numbers() -> None:
    assert all(str(node.tunnel) == f"10.84.0.{10 + node.number}" for node in load(PLAN).nodes)


def test_a_right_file_is_loaded(fleet_file: Callable[..., Path]) -> None:
    assert [node.name for node in load(fleet_file()).nodes] == ["virginia", "frankfurt"]


ONE_MISTAKE = [
    ('name = "frankfurt"', 'name = "virginia"', "name virginia is taken already, on line 33"),
    ('name = "frankfurt"', 'name = "zurich"', "name zurich is taken already, on line 6"),
    ("number = 8", "number = 1", "number 1 is taken already, on line 32"),
    ("10.84.0.18", "10.84.0.11", "tunnel address 10.84.0.11 is taken already"),
    ("10.84.0.18", "10.84.0.1", "tunnel address 10.84.0.1 is taken already"),
    ("10.84.0.18", "10.85.0.18", "outside the tunnel's network 10.84.0.0/24"),
    ("10.84.0.18", "10.84.0.2", "which are the operators' own"),
    ("10.84.0.18", "10.84.0.9", "which are the operators' own"),
    ("10.84.0.18", "10.84.0.255", "broadcast address"),
    ('"10.84.0.18"', '"10.84.0.256"', "is not allowed"),
    ('tunnel = "10.84.0.1"', 'tunnel = "10.9.0.1"', "outside the tunnel's network"),
    ('"10.84.0.0/24"', '"10.84.0.0/29"', "has no room for nodes"),
    ("push_port = 8084", "push_port = 51820", "is the tunnel's own port"),
    ("push_port = 8084", "push_port = 443", "is the proxy's"),
    ('subdomain = "frankfurt"', 'subdomain = "virginia"', "public name virginia.clavitor.com is taken already"),
    ('"eu-central-1"', '"eu-centrall-1"', "aws has no region eu-centrall-1"),
    ('domain = "clavitor.com"', 'domain = "clavitor"', 'domain = "clavitor" is not allowed'),
    ('"Europe/Zurich"', '"Europe/Zürich"', "is not known here"),
    ('"Europe/Zurich"', '"Europe"', "is not known here"),
    ('"Europe/Zurich"', '"../../etc/passwd"', "is not known here"),
    ("ceiling_usd = 100", 'ceiling_usd = "100"', 'budget.ceiling_usd = "100" is not allowed'),
    ("push_port = 8084", "push_prt = 8084", "tunnel.push_prt is not a key that is known here"),
    ("ceiling_usd = 100", "ceiling_usd = inf", "budget.ceiling_usd = Infinity is not allowed"),
]


@pytest.mark.parametrize(("old", "new", "what"), ONE_MISTAKE)
def test_a_mistake_is_named_at_its_line(fleet_file: Callable[..., Path], old: str, new: str, what: str) -> None:
    directory = fleet_file((old, new))
    (problem,) = problems_of(directory)
    assert what in problem.what
    assert problem.line == line_of(directory, new)
    assert problem.fix


HOSTILE = [
    ("[policy]\nsoak = inf", "policy.soak = Infinity is not allowed"),
    ("[policy]\nsoak = nan", "policy.soak = NaN is not allowed"),
    ("[policy]\nsoak = 86401", "policy.soak = 86401 is not allowed"),
    ('[acme]\nemail = "a@b.ch\\n}"', "acme.email = "),
    ('[acme]\ndirectory = "https://a.example {"', "acme.directory = "),
    ('[acme]\ndirectory = "https://a.example\\nfile_server"', "acme.directory = "),
]


@pytest.mark.parametrize(("table", "what"), HOSTILE)
def test_a_value_that_would_wait_for_ever_or_break_out_of_a_proxys_file_is_refused(
    fleet_file: Callable[..., Path], table: str, what: str
) -> None:
    (problem,) = problems_of(fleet_file(("[ntfy]", f"{table}\n\n[ntfy]")))
    assert problem.what.startswith(what)


def test_a_budget_without_a_ceiling_is_refused(fleet_file: Callable[..., Path]) -> None:
    (problem,) = problems_of(fleet_file(("ceiling_usd = 100", "ceiling_usd = inf")))
    assert problem.what == "budget.ceiling_usd = Infinity is not allowed"


def test_a_missing_key_is_named_at_its_table(fleet_file: Callable[..., Path]) -> None:
    (problem,) = problems_of(fleet_file(('city = "Frankfurt"\n', "")))
    assert (problem.line, problem.what, problem.fix) == (44, "nodes.2.city is missing", "add city = …")


def test_a_subdomain_may_not_take_one_of_hqs_names(fleet_file: Callable[..., Path]) -> None:
    hub_names = ('tunnel = "10.84.0.1"\n', 'tunnel = "10.84.0.1"\nnames = ["soc"]\n')
    (problem,) = problems_of(fleet_file(hub_names, ('subdomain = "frankfurt"', 'subdomain = "soc"')))
    assert "public name soc.clavitor.com is taken already" in problem.what


def test_an_alias_may_not_be_another_nodes_name(fleet_file: Callable[..., Path]) -> None:
    alias = 'subdomain = "frankfurt"\naliases = ["vault.clavitor.com", "virginia.clavitor.com"]'
    (problem,) = problems_of(fleet_file(('subdomain = "frankfurt"', alias)))
    assert "public name virginia.clavitor.com is taken already" in problem.what


def test_a_mistyped_key_is_answered_with_the_right_one(fleet_file: Callable[..., Path]) -> None:
    problems = problems_of(fleet_file(("longitude = 8.7", "longtude = 8.7")))
    assert "did you mean longitude?" in {problem.fix for problem in problems}


ACCEPTED = '[[accepted]]\nwhat = "x"\nreason = "y"\nwho = "johan"\nuntil = "2027-03-31"\n\n[[nodes]]\nnumber = 8'


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("2027-03-31", "2027-02-30", "is no date"),
        ("2027-03-31", "soon", "is not allowed"),
        ("johan", "james", "james may not accept a finding"),
    ],
)
def test_an_acceptance_ends_on_a_real_day_and_is_an_approvers(
    fleet_file: Callable[..., Path], old: str, new: str, what: str
) -> None:
    problems = problems_of(fleet_file(("[[nodes]]\nnumber = 8", ACCEPTED.replace(old, new))))
    assert what in problems[0].what


def test_a_right_acceptance_is_loaded(fleet_file: Callable[..., Path]) -> None:
    assert load(fleet_file(("[[nodes]]\nnumber = 8", ACCEPTED))).accepted[0].until == "2027-03-31"


def test_five_mistakes_of_all_kinds_are_told_at_once(fleet_file: Callable[..., Path]) -> None:
    changes = [
        ('domain = "clavitor.com"', 'domain = "clavitor"'),
        ("push_port = 8084", "push_port = 51820"),
        ('name = "frankfurt"', 'name = "virginia"'),
        ("10.84.0.18", "192.168.0.1"),
        ('"eu-central-1"', '"mars-north-1"'),
    ]
    directory = fleet_file(*changes)
    assert [each.line for each in problems_of(directory)] == sorted(line_of(directory, new) for _, new in changes)


def test_the_message_puts_each_problem_on_a_line_of_its_own(fleet_file: Callable[..., Path]) -> None:
    directory = fleet_file(('domain = "clavitor.com"', 'domain = "clavitor"'), ("number = 8", "number = 1"))
    with pytest.raises(FleetProblems) as caught:
        load(directory)
    head, first, second = str(caught.value).splitlines()
    assert head.endswith("has 2 problems")
    assert first.strip().startswith(f"{directory}/fleet.toml:2: domain")
    assert second.strip().startswith(f"{directory}/fleet.toml:45: number 1")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ("x = [\n1,\n", 3), ("[a]\n[a]\n", 2)],
)
def test_a_mistake_of_syntax_has_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "fleet.toml").write_text(text)
    (problem,) = problems_of(tmp_path)
    assert problem.line == line
    assert problem.what.startswith("not TOML")


def test_nesting_without_end_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text("a = " + "[" * 100_000)
    assert "nested too deeply" in problems_of(tmp_path)[0].what


def test_a_number_of_thousands_of_digits_is_a_problem_and_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text("a = " + "9" * 5000)
    assert "digits" in problems_of(tmp_path)[0].what


@pytest.mark.parametrize("text", ["nodes = 3", "nodes = [1, 2]", "hub = []", "tunnel = 1", "nodes = [{}, {}]", ""])
def test_tables_of_a_wrong_type_are_problems_and_not_crashes(tmp_path: Path, text: str) -> None:
    (tmp_path / "fleet.toml").write_text(text)
    assert problems_of(tmp_path)


def test_a_file_beyond_the_bound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(FileUnreadable, match="larger than"):
        load(tmp_path)


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_bytes("name = 1\ncity = 'Zürich'".encode("latin-1"))
    with pytest.raises(FileUnreadable, match="line 2"):
        load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"fleet\.toml cannot be read"):
        load(tmp_path)


def test_two_people_may_not_sign_with_one_key(fleet_file: Callable[..., Path]) -> None:
    person = '[[people]]\nname = "{}"\nrole = "approver"\nssh_key = "ssh-ed25519 AAAAC3 {} on a laptop"\n'
    directory = fleet_file()
    path = directory / "fleet.toml"
    path.write_text(path.read_text() + person.format("anna", "anna") + person.format("james", "james"))
    (problem,) = problems_of(directory)
    assert "ssh_key AAAAC3 is taken already" in problem.what

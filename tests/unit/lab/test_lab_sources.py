"""Reading a machine's apt sources: its own distribution's archives and nothing else."""

from pathlib import Path

import pytest

from noc.lab.errors import LabNeeds
from noc.lab.recipe import Recipe
from noc.lab.sources import Distribution, Source, distribution, parse_deb822, parse_one_line

DEB822 = """# the archive
Types: deb deb-src
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://other.example/
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/other.gpg

Types: deb
Enabled: no
URIs: http://off.example/
Suites: bookworm
Components: main
"""


def etc(tmp_path: Path, files: dict[str, str]) -> Path:
    for name, text in {"os-release": "ID=debian\nVERSION_CODENAME=bookworm\n", **files}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_deb822_gives_a_source_a_suite_and_leaves_out_others_and_disabled() -> None:
    assert parse_deb822(DEB822) == [
        Source("http://archive.example/debian", "bookworm", ("main", "contrib")),
        Source("http://archive.example/debian", "bookworm-updates", ("main", "contrib")),
    ]


def test_one_line_sources_with_and_without_options() -> None:
    text = (
        "# deb http://comment.example bookworm main\n"
        "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://a.example bookworm main # x\n"
        "deb http://b.example bookworm-security main\n"
        "deb [signed-by=/etc/apt/keyrings/docker.gpg] http://c.example bookworm main\n"
        "deb-src http://a.example bookworm main\n"
    )
    assert [source.uri for source in parse_one_line(text)] == ["http://a.example", "http://b.example"]


def test_suites_of_other_releases_are_left_out(tmp_path: Path) -> None:
    lines = "".join(f"deb http://a.example {suite} main\n" for suite in ("bookworm", "trixie", "bookworm-updates"))
    found = distribution(etc(tmp_path, {"apt/sources.list": lines}))
    assert [source.suite for source in found.sources] == ["bookworm", "bookworm-updates"]
    assert found.base.suite == "bookworm"
    assert found.sources_list() == "deb http://a.example bookworm main\ndeb http://a.example bookworm-updates main\n"


def test_a_machine_without_an_archive_of_its_release_is_told_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(LabNeeds, match="bookworm"):
        distribution(etc(tmp_path, {"apt/sources.list.d/x.sources": DEB822.replace("bookworm", "sid")}))


def test_an_image_set_s_name_changes_with_what_it_is_made_of() -> None:
    one = Distribution("bookworm", (Source("http://a.example", "bookworm", ("main",)),))
    other = Distribution("bookworm", (Source("http://b.example", "bookworm", ("main",)),))
    names = {Recipe(one, "x86_64").digest, Recipe(other, "x86_64").digest, Recipe(one, "aarch64").digest}
    assert len(names) == 3
    assert Recipe(one, "x86_64").digest in names

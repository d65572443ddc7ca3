"""Every link leads somewhere, every path that a page names is there, and every room has its line."""

import re
from pathlib import Path

import pytest

from doc_pages import PAGES, ROOT, fences, prose, spans

IMAGE_OR_LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"^(?:src|tests|tools|docs|fleet|benchmarks)/[\w./*-]+$")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in IMAGE_OR_LINK.findall(prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_page
def test_every_path_of_this_repository_exists(page: Path) -> None:
    named = [span for span in spans(page) if PATH.match(span)]
    assert [path for path in named if not any(ROOT.glob(path.rstrip("/")))] == []


@each_page
def test_every_test_that_is_named_exists(page: Path) -> None:
    known = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = {span for span in spans(page) if re.fullmatch(r"test_\w+", span)}
    assert {name for name in named if f"def {name}(" not in known} == set()


def test_readme_leads_to_every_page() -> None:
    linked = set(IMAGE_OR_LINK.findall((ROOT / "README.md").read_text()))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked


def test_the_architecture_names_exactly_the_rooms_that_there_are() -> None:
    block = fences(ROOT / "docs" / "architecture.md").partition("src/noc/\n")[2]
    named = set(re.findall(r"^  (\w+)/", block, re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "src" / "noc").glob("*/__init__.py")}
    assert named == rooms

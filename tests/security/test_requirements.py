"""Every requirement has a test file of its own number, and docs/security.md says of each what it is and where."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "security.md").read_text()
ROW = re.compile(
    r"^\| (\d+) \| (.+?) \| \[[^\]]+\]\(\.\./tests/security/(test_requirement_\d\d_\w+\.py)\) \|$", re.MULTILINE
)
NUMBERS = range(1, 23)


def test_the_page_lists_each_number_once_and_in_order() -> None:
    assert [int(number) for number, _, _ in ROW.findall(PAGE)] == list(NUMBERS)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_requirement_has_its_own_file_and_the_page_leads_there(number: int) -> None:
    (path,) = HERE.glob(f"test_requirement_{number:02}_*.py")
    document = ast.parse(path.read_text())
    assert (ast.get_docstring(document) or "").startswith(f"Requirement {number}: ")
    named = [node.name for node in document.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert [name for name in named if name.startswith("test_")]
    assert [name for found, _, name in ROW.findall(PAGE) if int(found) == number] == [path.name]

"""What stands in tables and messages comes from many machines; none of it is obeyed."""

import pytest
from rich.text import Text

from noc.cli.output import mark, plain, print_table


def test_a_cell_from_elsewhere_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name",), [("[/foo] [red]x[/red]",)])
    assert capsys.readouterr().out.splitlines()[1].strip() == "[/foo] [red]x[/red]"


def test_a_marks_word_is_shown_as_it_is() -> None:
    assert Text.from_markup(mark("fail", "[/foo]")).plain == "✗ [/foo]"


@pytest.mark.parametrize("text", ["\x1b[2J", "\x07", "\x9b31m", "\r"])
def test_no_terminal_obeys_what_comes_from_elsewhere(text: str) -> None:
    assert not set(plain(text)) & {"\x1b", "\x07", "\x9b", "\r"}

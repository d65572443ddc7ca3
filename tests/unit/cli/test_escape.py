"""Keys for us and keys for the shell."""

from hypothesis import given
from hypothesis import strategies as st

from noc.cli.escape import Escape, Wish

keys = st.lists(st.sampled_from([b"~", b".", b"?", b"\r", b"a"]), max_size=30).map(b"".join)


def typed(*pieces: bytes) -> tuple[bytes, list[Wish]]:
    escape, told, wishes = Escape(), b"", []
    for piece in pieces:
        for_shell, wish = escape.take(piece)
        told += for_shell
        if wish is not None:
            wishes.append(wish)
        if wish is Wish.LEAVE:
            break
    return told, wishes


def test_tilde_and_dot_at_the_beginning_of_a_line_leave() -> None:
    assert typed(b"~.") == (b"", [Wish.LEAVE])
    assert typed(b"ls\r~.more") == (b"ls\r", [Wish.LEAVE])


def test_elsewhere_they_are_the_shell_s() -> None:
    assert typed(b"cat ~.profile\r") == (b"cat ~.profile\r", [])
    assert typed(b"~/bin/x\r") == (b"~/bin/x\r", [])


def test_two_tildes_are_one() -> None:
    assert typed(b"~~.\r") == (b"~.\r", [])


def test_help_is_asked_for() -> None:
    assert typed(b"~?") == (b"", [Wish.HELP])


@given(keys)
def test_keys_mean_the_same_one_by_one_as_all_at_once(content: bytes) -> None:
    single = typed(*(bytes([byte]) for byte in content))
    whole = typed(content)
    assert single[0] == whole[0]
    assert (Wish.LEAVE in single[1]) == (Wish.LEAVE in whole[1])

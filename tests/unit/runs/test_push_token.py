from hypothesis import given
from hypothesis import strategies as st

from noc.fleet.model import Fleet
from noc.runs.site.pushtoken import environment, new_token, token_hash, token_in


def test_a_token_holds_256_bits_and_is_never_drawn_twice() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 43


def test_a_token_is_found_again_in_the_environment_that_carries_it(fleet: Fleet) -> None:
    values = environment(fleet, fleet.node("virginia"), token := new_token())
    text = "".join(f'{name}="{value}"\n' for name, value in values.items())
    assert token_in(text) == token
    assert values["KUMA_PUSH_URL"] == f"http://10.84.0.1:8084/api/push/{token}"


@given(st.text(max_size=200))
def test_any_text_is_read_without_failing(text: str) -> None:
    assert token_in(text) is None or "/api/push/" in text


def test_the_hash_does_not_give_the_token_away() -> None:
    token = new_token()
    assert token not in token_hash(token)
    assert len(token_hash(token)) == 64

"""Uptime Kuma's push wire, read without a socket."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noc.watch.judge.deaths import death_in_words
from noc.watch.push.telemetry import FIELDS, MAX_BODY, read_telemetry
from noc.watch.push.wire import MAX_MSG, BadPush, read_push, token_of
from noc.watch.store.records import Beat


def read(query: str) -> Beat:
    return read_push(query, "virginia", 1_700_000_000_000)


@pytest.mark.parametrize("path", ["/api/push/abc", "/api/push/abc/"])
def test_the_token_stands_in_the_path_with_or_without_a_slash_behind_it(path: str) -> None:
    assert token_of(path) == "abc"


@pytest.mark.parametrize(
    "path", ["/api/push", "/api/push/", "/api/push//", "/api/push/abc/x", "/api/pushabc", "/", "/x"]
)
def test_a_near_miss_of_the_path_holds_no_token(path: str) -> None:
    assert token_of(path) is None


@pytest.mark.parametrize("query", ["", "status=", "status=up", "status=UP", "status=down&status=up"])
def test_these_report_life(query: str) -> None:
    assert read(query).up


@pytest.mark.parametrize("query", ["status=down", "status=ok", "status=weird", "status=up&status=down"])
def test_every_other_status_reports_down(query: str) -> None:
    assert not read(query).up


@pytest.mark.parametrize(
    ("text", "ms"), [("", None), ("abc", None), ("0", None), ("12.5ms", 12.5), (" 7", 7), ("1e3", 1000)]
)
def test_a_ping_is_read_as_javascript_reads_a_number(text: str, ms: float | None) -> None:
    assert read(f"ping={text}").ping == ms


@pytest.mark.parametrize("text", ["-1", "Infinity", "1e12", "100000000001"])
def test_an_impossible_ping_is_refused(text: str) -> None:
    with pytest.raises(BadPush, match="Invalid ping value"):
        read(f"ping={text}")


def test_a_message_is_ok_where_none_is_given() -> None:
    assert [read("").msg, read("msg=").msg] == ["OK", "OK"]


def test_a_long_message_is_cut_and_marked() -> None:
    msg = read("msg=" + "x" * 10_000).msg
    assert len(msg) == MAX_MSG
    assert msg.endswith("[…]")


def test_a_message_holds_no_control_characters() -> None:
    assert read("msg=a%0a%1b[31mb%e2%80%aec").msg == "a [31mb c"


def test_what_ours_adds_is_read() -> None:
    beat = read("seq=12&boot=4f-a&v=1.0.0&t=1700000000.125")
    assert (beat.seq, beat.boot, beat.version, beat.sent) == (12, "4f-a", "1.0.0", 1_700_000_000_125)


@pytest.mark.parametrize(
    "query", ["seq=-1", "seq=%C2%B2", "seq=99999999999999999999", "boot=<b>", "v=a%20b", "t=nan", "t=1e99"]
)
def test_what_makes_no_sense_is_left_out(query: str) -> None:
    beat = read(query)
    assert (beat.seq, beat.boot, beat.version, beat.sent) == (None, None, None, None)


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(BadPush, match="Too many"):
        read("&".join(f"a{number}=1" for number in range(100)))


@given(st.text(max_size=300) | st.text("&=%+;ab1-", max_size=200))
def test_any_query_is_read_or_refused(query: str) -> None:
    try:
        beat = read_push(query, "virginia", 0)
    except BadPush:
        return
    assert len(beat.msg) <= MAX_MSG
    assert beat.ping is None or 0 < beat.ping <= 100_000_000_000


def test_the_contracts_eleven_fields_are_known() -> None:
    assert len(FIELDS) == 11


def test_good_fields_are_kept_beside_bad_ones() -> None:
    values, warn = read_telemetry(b'{"ram_mb": 41, "disk_pct": 180, "cpu_pct": "x", "err_1h": 1.5, "nix_gen": null}')
    assert values == {"ram_mb": 41, "nix_gen": None}
    assert warn == "disk_pct is outside 0 to 100; cpu_pct is not a number; err_1h is not a whole number"


def test_unknown_numbers_are_kept_and_other_unknown_values_are_not() -> None:
    assert read_telemetry(b'{"queue": 3, "nested": {"a": 1}}') == ({"queue": 3}, "nested is not a number")


@pytest.mark.parametrize(
    "body",
    [b"{", b"[1]", b'"x"', b"NaN", b"[" * 7000, b'{"a": ' * 2000, b"x" * (MAX_BODY + 1), b"\xff\xfe", b"1" * 7000],
)
def test_a_body_that_is_no_telemetry_is_told_and_raises_nothing(body: bytes) -> None:
    values, warn = read_telemetry(body)
    assert values is None
    assert warn


def test_an_empty_body_is_no_mistake() -> None:
    assert read_telemetry(b"") == (None, "")


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 400])
def test_no_number_without_a_value_is_stored(value: bytes) -> None:
    assert read_telemetry(b'{"ram_mb": ' + value + b"}")[0] == {}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_body_is_read(body: bytes) -> None:
    values, _ = read_telemetry(body)
    assert all(isinstance(value, str | None) or math.isfinite(value) for value in (values or {}).values())


@pytest.mark.parametrize(
    ("msg", "words"),
    [
        ("killed-KILL", "the service was killed by SIGKILL"),
        ("exited-3", "the service exited with code 3"),
        ("dumped-SEGV", "leaving a core dump"),
        ("disk on fire", "the pusher reports: disk on fire"),
        ("", "the pusher reports down"),
    ],
)
def test_a_death_is_told_in_words(msg: str, words: str) -> None:
    assert words in death_in_words(msg)

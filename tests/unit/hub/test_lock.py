from pathlib import Path

import pytest

from noc.hub.lock import canonical, read_lock, select
from noc.hub.wheels import MACHINES, PYTHONS, TARGETS, distribution_of, gather

HASH = "a" * 64


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(text)
    return path


def test_a_pin_has_name_version_and_every_hash(tmp_path: Path) -> None:
    text = f"# made by a tool\nTyping_Extensions==4.1 ; sys_platform != 'win32' \\\n    --hash=sha256:{HASH}\n"
    (pin,) = read_lock(write(tmp_path, text))
    assert (pin.name, pin.version, pin.hashes) == ("typing-extensions", "4.1", frozenset({HASH}))
    assert "sys_platform" in pin.text


@pytest.mark.parametrize("line", ["h11>=0.16", "h11==0.16", f"h11>=1 --hash=sha256:{HASH}"])
def test_what_is_not_pinned_to_bytes_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="not locked"):
        read_lock(write(tmp_path, line + "\n"))


def test_pins_are_chosen_by_name_in_the_locks_order(tmp_path: Path) -> None:
    text = "".join(f"{name}==1 --hash=sha256:{HASH}\n" for name in "abc")
    assert [pin.name for pin in select(read_lock(write(tmp_path, text)), ["c", "a"])] == ["a", "c"]


def test_names_are_compared_in_their_canonical_form() -> None:
    assert canonical("Typing_Extensions") == canonical("typing.extensions") == "typing-extensions"
    assert distribution_of("pydantic_core-2.0-cp311-cp311-manylinux_2_17_x86_64.whl") == "pydantic-core"


def test_every_supported_python_and_machine_has_its_target() -> None:
    assert len({str(target) for target in TARGETS}) == len(PYTHONS) * len(MACHINES)


def test_a_wheel_in_the_cache_with_other_bytes_is_refused(tmp_path: Path) -> None:
    (pin,) = read_lock(write(tmp_path, f"demo==1 --hash=sha256:{HASH}\n"))
    from noc.hub.wheels import _fingerprint

    (tmp_path / "demo-1-py3-none-any.whl").write_bytes(b"other")
    (tmp_path / f"index-{_fingerprint([pin])}.json").write_text('{"3.11-x86_64": ["demo-1-py3-none-any.whl"]}')
    with pytest.raises(ValueError, match="the lock does not allow"):
        gather((pin,), tmp_path, say=print)

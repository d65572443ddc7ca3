"""HQ as a builder of NixOS systems: what it needs, and what is said where it cannot be one."""

from pathlib import Path

import pytest

from noc.hub.errors import EmulationMissing, NixTooOld
from noc.hub.nix import EMULATION, candidate, check_version, ensure_emulation, nix_conf

POLICY = "nix-bin:\n  Installed: (none)\n  Candidate: {}\n  Version table:\n"
ENABLED = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: {}\noffset 0\n"


@pytest.mark.parametrize(
    ("shown", "numbers"),
    [("2.8.0-1.1+b1", (2, 8, 0)), ("2.26.3+dfsg-1", (2, 26, 3)), ("2.18.1+dfsg-1ubuntu5", (2, 18, 1)), ("(none)", ())],
)
def test_what_the_distribution_offers_is_read(shown: str, numbers: tuple[int, ...]) -> None:
    assert candidate(POLICY.format(shown)) == numbers


@pytest.mark.parametrize(("installed", "offered"), [((), (2, 18, 1)), ((2, 19), (2, 8)), ((2, 8), (2, 26, 3))])
def test_a_nix_that_is_new_enough_passes(installed: tuple[int, ...], offered: tuple[int, ...]) -> None:
    check_version(installed, offered)


def test_one_that_is_too_old_is_refused_with_what_to_do() -> None:
    with pytest.raises(NixTooOld) as caught:
        check_version((), (2, 8, 0))
    assert "the distribution has 2.8.0" in caught.value.why
    assert "builder" in caught.value.fix


def test_the_runner_may_ask_nix_and_is_not_trusted_by_it() -> None:
    text = nix_conf("x86_64", "")
    assert "allowed-users = root noc-runner\n" in text
    assert "trusted-users = root\n" in text


def test_another_architecture_is_built_for_by_emulation_and_the_own_is_not() -> None:
    assert "extra-platforms = aarch64-linux" in nix_conf("x86_64", "")
    assert "extra-platforms" not in nix_conf("aarch64", "")


def test_what_another_builder_signs_is_trusted_by_its_key() -> None:
    assert "extra-trusted-public-keys = b:KEY=" in nix_conf("aarch64", "b:KEY=")


class Packages:
    """What installs packages: the kernel's entry appears with them, where it appears at all."""

    def __init__(self, entry: Path, text: str) -> None:
        self.entry, self.text = entry, text

    def __call__(self, names: tuple[str, ...]) -> list[str]:
        if self.text:
            self.entry.write_text(self.text)
        return list(names)


def test_emulation_that_is_there_changes_nothing(tmp_path: Path) -> None:
    entry = tmp_path / "qemu-aarch64"
    entry.write_text(ENABLED.format("PF"))
    assert ensure_emulation(entry, Packages(entry, "")) == []


def test_emulation_comes_with_its_packages(tmp_path: Path) -> None:
    entry = tmp_path / "qemu-aarch64"
    assert ensure_emulation(entry, Packages(entry, ENABLED.format("PF"))) == list(EMULATION)


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "a container's kernel is its host's"), (ENABLED.format("P"), "flag F"), ("disabled\n", "flag F")],
)
def test_why_there_is_no_emulation_is_said(tmp_path: Path, text: str, why: str) -> None:
    entry = tmp_path / "qemu-aarch64"
    with pytest.raises(EmulationMissing) as caught:
        ensure_emulation(entry, Packages(entry, text))
    assert why in caught.value.why
    assert "arm64 machine" in caught.value.fix

#!/usr/bin/python3
"""A stand-in for the Nix programs: nix, nix-store, nix-env, and a system's switch-to-configuration.

It evaluates nothing and holds no packages, but keeps the originals' contracts that a rollout leans on: valid paths and
their references, profiles and their generations, roots and collection, exit statuses and words. docs/stand-ins.md says
where each comes from. Installed on a machine under the names of the originals; `boot` is what a NixOS machine's stage 2
does. `NIX_ROOT` puts it below another directory.

The lock of its nixpkgs, a JSON object, says what a system is: `rev`, `kernel`, `init`, and `faults` by node.
"""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(os.environ.get("NIX_ROOT", "/"))
STORE, ROOTS = "/nix/store", "/nix/var/nix/gcroots"
UPSTREAM = "/var/lib/nixpkgs-upstream.json"
PROFILES = "/nix/var/nix/profiles"
RUNNING, BOOTED, BOOTS = "/run/current-system", "/run/booted-system", "/boot/default-system"

Argv = list[str]


def real(path: str) -> Path:
    return ROOT / path.lstrip("/")


def fail(words: str, status: int = 1) -> int:
    sys.stderr.write(f"{words}\n")
    return status


def link(path: Path, target: str) -> None:
    """As Nix does it: beside its place, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    beside.symlink_to(target)
    beside.replace(path)


def say(*lines: str) -> int:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def read_link(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else ""


def systemctl(*words: str) -> None:
    if Path("/") == ROOT:
        subprocess.run(["systemctl", *words], check=False)


# The store ------------------------------------------------------------------------------------------------------------


def record(path: str) -> Path:
    return real("/nix/var/nix/db") / Path(path).name


def valid(path: str) -> bool:
    return record(path).exists() and os.path.lexists(real(path))


def references(path: str) -> Argv:
    found: Argv = json.loads(record(path).read_text())
    return found


def register(path: str, needs: Argv) -> str:
    record(path).parent.mkdir(parents=True, exist_ok=True)
    record(path).write_text(json.dumps(needs))
    return path


def requisites(path: str) -> Argv:
    """What a path needs, itself last: the order in which they can be imported."""
    found: Argv = []
    for need in references(path):
        found += [each for each in requisites(need) if each not in found]
    return [*found, path]


def add(name: str, content: str, needs: Argv) -> str:
    """A path that is named by what it is, as a derivation's output is."""
    digest = hashlib.sha256(json.dumps([name, content, needs]).encode()).hexdigest()[:32]
    path = f"{STORE}/{digest}-{name}"
    if not valid(path):
        real(path).mkdir(parents=True, exist_ok=True)
        (real(path) / "content").write_text(content)
        register(path, needs)
    return path


def nix(argv: Argv) -> int:
    words = [word for word in argv if not word.startswith("--")]
    words = words[1:] if argv[:1] == ["--extra-experimental-features"] else words
    if argv == ["--version"]:
        return say(f"nix (Nix) {os.environ.get('NIX_VERSION', '2.26.3')}")
    if "nix-command" not in argv[1]:
        return fail("error: experimental Nix feature 'nix-command' is disabled")
    if words[:2] == ["flake", "update"]:
        shutil.copyfile(real(UPSTREAM), "flake.lock")
        return 0
    if words[:1] == ["eval"]:
        return evaluate(words[-1], argv)
    return fail(f"error: '{words}' is not a recognised command")


def evaluate(attribute: str, argv: Argv) -> int:
    found = re.fullmatch(r"path:(.+)#nixosConfigurations\.(.+)\.config\.system\.build\.toplevel\.drvPath", attribute)
    assert found is not None, attribute
    directory, node = Path(found[1]), found[2]
    if not (directory / "flake.lock").exists() and "--no-update-lock-file" in argv:
        return fail(f"error: flake 'path:{directory}' requires lock file changes but they're not allowed")
    if not (directory / f"nodes/{node}.nix").exists():
        return fail(f"error: attribute 'nixosConfigurations.{node}' missing")
    names = ("base.nix", "fleet.nix", f"nodes/{node}.nix")
    lock = json.loads((directory / "flake.lock").read_text())
    made_of = [node, lock, *((directory / name).read_text() for name in names)]
    digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]
    path = f"{STORE}/{digest}-nixos-system-{node}.drv"
    real(STORE).mkdir(parents=True, exist_ok=True)
    real(path).write_text(json.dumps({"node": node, "lock": lock, "from": digest}))
    register(path, [])
    sys.stdout.write(path)
    return 0


def build(drv: str) -> str:
    """A system: its kernel, its own init interface, and the program that switches to it."""
    said = json.loads(real(drv).read_text())
    lock, node = said["lock"], said["node"]
    kernel = add(f"linux-{lock['kernel']}", "", [])
    etc = add("etc", f"{node} {lock['rev']}", [])
    path = add(f"nixos-system-{node}-{lock['rev']}", said["from"], [kernel, etc])
    place = real(path)
    for part in ("kernel", "initrd", "kernel-modules"):
        if not (place / part).is_symlink():
            (place / part).symlink_to(f"{kernel}/{part}")
    (place / "init-interface-version").write_text(f"systemd {lock.get('init', 2)}")
    (place / "fault").write_text(lock.get("faults", {}).get(node, ""))
    (place / "bin").mkdir(exist_ok=True)
    program = place / "bin/switch-to-configuration"
    program.write_text(Path(__file__).read_text())
    program.chmod(0o755)
    return path


def nix_store(argv: Argv) -> int:
    verb, rest = argv[0], argv[1:]
    if verb == "--realise":
        out = build(rest[0]) if rest[0].endswith(".drv") else rest[0]
        if not valid(out):
            return fail(f"error: don't know how to build these paths: {out}")
        return say(keep(out, rest[2]) if rest[1:2] == ["--add-root"] else out)
    if verb == "--query":
        return say(*requisites(rest[1]))
    if verb == "--check-validity":
        return say(*[path for path in rest[1:] if not valid(path)])
    if verb == "--gc":
        return collect()
    return export(rest) if verb == "--export" else take()


def keep(path: str, root: str) -> str:
    link(Path(root), path)
    auto = real(f"{ROOTS}/auto") / hashlib.sha256(root.encode()).hexdigest()[:32]
    link(auto, root)
    return root


def export(paths: Argv) -> int:
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for path in sorted(paths, key=lambda each: len(requisites(each))):
            said = json.dumps({"path": path, "references": references(path)}).encode()
            header = tarfile.TarInfo("nix-export")
            header.size = len(said)
            archive.addfile(header, io.BytesIO(said))
            archive.add(real(path), arcname=path.lstrip("/"))
    return 0


def take() -> int:
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        path = ""
        for member in archive:
            if member.name == "nix-export":
                extracted = archive.extractfile(member)
                assert extracted is not None
                said = json.loads(extracted.read())
                path = said["path"]
                if lacking := [each for each in said["references"] if not valid(each)]:
                    return fail(f"error: cannot add path '{path}': reference '{lacking[0]}' is not valid")
                real("/").mkdir(parents=True, exist_ok=True)
                register(path, said["references"])
                say(path)
            else:
                archive.extract(member, ROOT)
    return 0


def alive() -> set[str]:
    """Every path that a root leads to; what runs and what was booted are roots as well."""
    links = [each for each in (*real(ROOTS).rglob("*"), *real(PROFILES).glob("*-link")) if each.is_symlink()]
    links += [real(each) for each in (RUNNING, BOOTED)]
    found: set[str] = set()
    for each in links:
        target = read_link(each)
        if not target.startswith(STORE) and target and Path(target).is_symlink():
            target = read_link(Path(target))
        if target.startswith(STORE) and valid(target):
            found.update(requisites(target))
    return found


def collect() -> int:
    kept = alive()
    for known in sorted(real("/nix/var/nix/db").iterdir()):
        path = f"{STORE}/{known.name}"
        if path not in kept:
            known.unlink()
            shutil.rmtree(real(path)) if real(path).is_dir() else real(path).unlink(missing_ok=True)
    return 0


# Profiles -------------------------------------------------------------------------------------------------------------


def nix_env(argv: Argv) -> int:
    profile, verb, what = real(argv[1]), argv[2], argv[3]
    if verb == "--set":
        return set_profile(profile, what)
    keep_last = int(what.removeprefix("+"))
    numbers = generations(profile)
    present = number_of(profile)
    older = [number for number in numbers if number <= present]
    for number in older[: max(len(older) - keep_last, 0)]:
        say(f"removing profile version {number}")
        (profile.parent / f"{profile.name}-{number}-link").unlink()
    return 0


def generations(profile: Path) -> list[int]:
    found = (re.fullmatch(rf"{profile.name}-(\d+)-link", path.name) for path in profile.parent.iterdir())
    return sorted(int(each[1]) for each in found if each)


def number_of(profile: Path) -> int:
    return int(read_link(profile).split("-")[-2]) if profile.is_symlink() else 0


def set_profile(profile: Path, path: str) -> int:
    if not valid(path):
        return fail(f"error: path '{path}' is not valid")
    profile.parent.mkdir(parents=True, exist_ok=True)
    numbers = generations(profile)
    if numbers and read_link(profile.parent / f"{profile.name}-{numbers[-1]}-link") == path:
        number = numbers[-1]
    else:
        number = (numbers or [0])[-1] + 1
        link(profile.parent / f"{profile.name}-{number}-link", path)
    link(profile, f"{profile.name}-{number}-link")
    return 0


# A system -------------------------------------------------------------------------------------------------------------


def switch(program: Path, argv: Argv) -> int:
    """switch-to-configuration: `boot` is the boot loader's, `test` the running system's, `switch` both."""
    system = f"/{program.resolve().parent.parent.relative_to(ROOT.resolve())}"
    action = argv[0] if argv else ""
    if action not in ("switch", "boot", "test"):
        return fail(f"Usage: {program} [switch|boot|test|dry-activate]")
    if action in ("switch", "boot"):
        link(real(BOOTS), system)
    if action == "boot":
        return 0
    init = "init-interface-version"
    running = read_link(real(RUNNING))
    if running and (real(running) / init).read_text() != (real(system) / init).read_text():
        sys.stderr.write("Warning: the new NixOS configuration has an init that is\n")
        return fail(
            "incompatible with the current configuration.  It won't take effect until you reboot the system.", 100
        )
    link(real(RUNNING), system)
    return after(real(system))


def after(system: Path) -> int:
    """What a system does beyond being the one that runs: where it has a fault, that."""
    fault = (system / "fault").read_text()
    # A system that is right brings back what one with a fault took away.
    if not fault:
        systemctl("start", "--no-block", "wg-quick@wg0.service")
    if fault == "activation":
        return fail("Activation script snippet 'users' failed (1)", 2)
    if fault == "units":
        sys.stderr.write(
            "warning: the following units failed: caddy.service\n\n* caddy.service - Caddy\n" + "x\n" * 300
        )
        return 4
    if fault == "tunnel":
        systemctl("stop", "wg-quick@wg0.service")
    if fault == "service":
        systemctl("stop", "clavitor.socket", "clavitor.service")
    return 0


def boot() -> int:
    """What stage 2 does on a NixOS machine, before any unit of ours."""
    system = read_link(real(BOOTS))
    link(real(RUNNING), system)
    link(real(BOOTED), system)
    return 0


def main() -> int:
    name, argv = Path(sys.argv[0]).name, sys.argv[1:]
    if name == "switch-to-configuration":
        return switch(Path(sys.argv[0]), argv)
    programs = {"nix": nix, "nix-store": nix_store, "nix-env": nix_env}
    return boot() if name == "nix-boot" else programs[name](argv)


if __name__ == "__main__":
    sys.exit(main())

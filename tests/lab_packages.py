"""Tiny packages for the lab's archive, and for machines that are to have an old version of them."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from noc.lab.lab import Lab


def build(directory: Path, name: str, version: str, files: Mapping[str, str] = {}, **scripts: str) -> Path:
    """A package of some files and maintainer scripts (`postinst` …), as dpkg-deb makes it; `depends` is a field."""
    tree = directory / f"{name}-{version}"
    depends = scripts.pop("depends", "")
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: lab <lab@example.com>\n"
    control += (f"Depends: {depends}\n" if depends else "") + "Installed-Size: 4\nDescription: a test's package\n"
    for path, text in {**files, "/DEBIAN/control": control}.items():
        file = tree / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for script, text in scripts.items():
        file = tree / "DEBIAN" / script
        file.write_text(f"#!/bin/sh\nset -e\n{text}\n")
        file.chmod(0o755)
    target = directory / f"{name}_{version}_all.deb"
    argv = ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", str(tree), str(target)]
    subprocess.run(argv, check=True, capture_output=True)
    return target


def install(lab: Lab, node: str, package: Path) -> None:
    """Install a package on a machine by hand, as an older version that no archive has any more."""
    script = "cat >/tmp/it.deb; dpkg --force-downgrade -i /tmp/it.deb; rm /tmp/it.deb"
    done = lab.exec(node, "sh", "-euc", script, stdin=package.read_bytes())
    assert done.returncode == 0, done.stderr

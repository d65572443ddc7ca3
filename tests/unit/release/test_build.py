import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from noc.release.build import build, find_native_code
from noc.release.errors import NativeCode, NotPackable
from unit.release.release_kit import make_service


def built(tmp_path: Path, text: str) -> Path:
    return build(make_service(tmp_path, text), tmp_path / "out", version="1.2.3", build_number=7)


def run(payload: Path, *args: str) -> str:
    """Run a payload with nothing but the standard library beside it."""
    argv = [sys.executable, "-I", "-S", str(payload), *args]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_same_tree_gives_the_same_bytes_whatever_its_times(tmp_path: Path) -> None:
    package = make_service(tmp_path)
    first = build(package, tmp_path / "a", version="1.0.0", build_number=1).read_bytes()
    os.utime(package / "__main__.py", (1, 1))
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.pyc").write_bytes(b"cache")
    assert build(package, tmp_path / "b", version="1.0.0", build_number=1).read_bytes() == first


def test_another_build_number_gives_another_hash(tmp_path: Path) -> None:
    package = make_service(tmp_path)
    first = build(package, tmp_path / "a", version="1.0.0", build_number=1).read_bytes()
    assert build(package, tmp_path / "b", version="1.0.0", build_number=2).read_bytes() != first


def test_a_payload_runs_in_place_with_its_arguments(tmp_path: Path) -> None:
    payload = built(tmp_path, "import sys\nprint(sys.argv[1:])\n")
    assert run(payload, "serve", "x") == "['serve', 'x']\n"


def test_a_payload_is_executable_by_itself(tmp_path: Path) -> None:
    payload = built(tmp_path, "print('hello')\n")
    assert os.access(payload, os.X_OK)
    assert payload.read_bytes().startswith(b"#!/usr/bin/env python3\n")


def test_a_payload_brings_the_libraries_it_imports_and_theirs(tmp_path: Path) -> None:
    text = "import importlib\nimport starlette.applications, anyio, idna\nprint(idna.__file__)\n"
    payload = built(tmp_path, text)
    assert run(payload).startswith(str(payload))


def test_a_payload_says_which_release_it_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(built(tmp_path, "")) as archive:
        assert json.loads(archive.read("clavitor/_release.json")) == {"version": "1.2.3", "build": 7}


def test_a_payload_holds_pages_and_licences_and_no_tests(tmp_path: Path) -> None:
    with zipfile.ZipFile(built(tmp_path, "import h11\n")) as archive:
        names = archive.namelist()
    assert "clavitor/pages/index.html" in names
    assert any(name.startswith("h11-") and "LICENSE" in name for name in names)
    assert not any("/tests/" in name for name in names)


def test_compiled_code_in_the_service_is_refused_by_name(tmp_path: Path) -> None:
    package = make_service(tmp_path)
    (package / "fast.bin").write_bytes(b"\x7fELF\x02\x01")
    with pytest.raises(NativeCode, match=r"clavitor/fast\.bin"):
        build(package, tmp_path / "out", version="1.0.0", build_number=1)


def test_an_import_that_nothing_answers_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotPackable, match="no_such_library"):
        built(tmp_path, "import no_such_library\n")


def test_native_code_is_found_in_a_foreign_payload(tmp_path: Path) -> None:
    path = tmp_path / "foreign.pyz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("lib/a.so", b"\x7fELF....")
        archive.writestr("lib/a.py", b"")
    assert find_native_code(path) == ["lib/a.so"]


def test_a_compiled_program_counts_as_native_code(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF....")
    assert find_native_code(path) == ["program"]

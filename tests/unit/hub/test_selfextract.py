"""The self-extracting file, written, changed and installed for real, with a noc of two lines inside."""

import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pip
import pytest

from noc.hub import installer
from noc.hub.selfextract import write_distribution

HERE = "{}.{}-{}".format(*sys.version_info[:2], platform.machine())


def make_wheel(directory: Path, version: str) -> Path:
    """The smallest wheel that passes for noc: it knows its version and has a command."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"noc-{version}-py3-none-any.whl"
    info = f"noc-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("noc/__init__.py", f'__version__ = "{version}"\n')
        wheel.writestr("noc/cli/__init__.py", "")
        wheel.writestr("noc/cli/main.py", "import noc\n\n\ndef run():\n    print('noc', noc.__version__)\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: noc\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\nnoc = noc.cli.main:run\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="module")
def pip_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed pip, packed as its wheel is."""
    source = Path(pip.__file__).parent
    path = tmp_path_factory.mktemp("pip") / f"pip-{pip.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for file in sorted(source.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                wheel.write(file, Path("pip", file.relative_to(source)))
    return path


def pack(directory: Path, pip_wheel: Path, *, version: str = "0.9.0", target: str = HERE) -> Path:
    wheel = make_wheel(directory, version)
    return write_distribution(directory, version, {target: (wheel.name,)}, [wheel], pip_wheel)


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory, pip_wheel: Path) -> Path:
    return pack(tmp_path_factory.mktemp("dist"), pip_wheel)


def install(file: Path, root: Path) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(file), "install", "--prefix", str(root / "opt"), "--bin", str(root / "bin")]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture(scope="module")
def installed(distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("host")
    result = install(distribution, root)
    assert result.returncode == 0, result.stderr
    return root


def command_output(root: Path) -> str:
    return subprocess.run([root / "bin" / "noc"], capture_output=True, text=True, check=True, timeout=30).stdout


def snapshot(root: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in root.rglob("*")}


def test_a_step_that_does_not_end_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "STEP_S", 0.1)
    with pytest.raises(installer.Refused, match="did not end within"):
        installer.run(["sleep", "60"])


def test_the_command_runs_from_the_version_directory(installed: Path) -> None:
    assert command_output(installed) == "noc 0.9.0\n"
    assert (installed / "opt" / "current").readlink() == Path("0.9.0")


def test_installing_again_changes_nothing_and_says_so(installed: Path, distribution: Path) -> None:
    before = snapshot(installed / "opt" / "0.9.0") | snapshot(installed / "bin")
    result = install(distribution, installed)
    assert "unchanged" in result.stdout
    assert snapshot(installed / "opt" / "0.9.0") | snapshot(installed / "bin") == before


def test_no_file_names_the_place_it_was_made_in(installed: Path) -> None:
    for path in (installed / "opt" / "0.9.0" / "bin").iterdir():
        assert path.is_symlink() or b".0.9.0.new" not in path.read_bytes()


def test_nothing_is_left_beside_the_version(installed: Path) -> None:
    assert sorted(path.name for path in (installed / "opt").iterdir()) == [".lock", "0.9.0", "current"]


def test_a_newer_version_stands_beside_the_old_and_is_current(
    installed: Path, tmp_path: Path, pip_wheel: Path, distribution: Path
) -> None:
    assert install(pack(tmp_path, pip_wheel, version="0.9.1"), installed).returncode == 0
    assert command_output(installed) == "noc 0.9.1\n"
    assert (installed / "opt" / "0.9.0").is_dir()
    assert install(distribution, installed).returncode == 0
    assert command_output(installed) == "noc 0.9.0\n"


def test_what_an_interrupted_installation_left_is_made_anew(distribution: Path, tmp_path: Path) -> None:
    (tmp_path / "opt" / ".0.9.0.new" / "bin").mkdir(parents=True)
    (tmp_path / "opt" / "0.9.0").mkdir()
    assert install(distribution, tmp_path).returncode == 0
    assert command_output(tmp_path) == "noc 0.9.0\n"


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9, -10, -100])
def test_a_flipped_byte_anywhere_is_refused_before_anything_is_used(
    distribution: Path, tmp_path: Path, place: float
) -> None:
    content = bytearray(distribution.read_bytes())
    content[int(place * len(content)) if 0 < place < 1 else int(place)] ^= 1
    changed = tmp_path / "noc.run"
    changed.write_bytes(content)
    result = install(changed, tmp_path)
    assert result.returncode != 0
    assert not (tmp_path / "opt").exists()


def test_a_changed_file_is_told_to_be_copied_again(distribution: Path, tmp_path: Path) -> None:
    changed = tmp_path / "noc.run"
    content = bytearray(distribution.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    assert "Fix: copy it again" in install(changed, tmp_path).stderr


def test_a_machine_without_wheels_is_refused_by_name(tmp_path: Path, pip_wheel: Path) -> None:
    result = install(pack(tmp_path, pip_wheel, target="3.99-riscv64"), tmp_path)
    assert result.returncode == 1
    assert f"CPython {HERE} is not supported" in result.stderr
    assert "3.99-riscv64" in result.stderr


def test_a_file_in_the_place_of_the_link_is_left_alone(distribution: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "noc").write_text("mine")
    assert install(distribution, tmp_path).returncode == 1
    assert (tmp_path / "bin" / "noc").read_text() == "mine"
    assert not (tmp_path / "opt").exists()


def test_verify_lists_what_the_file_holds(distribution: Path) -> None:
    argv = [str(distribution), "verify"]
    result = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.startswith("noc 0.9.0  ")
    assert f"CPython {HERE}: 1 wheels" in result.stdout


def test_the_same_wheels_give_the_same_bytes(distribution: Path, tmp_path: Path, pip_wheel: Path) -> None:
    with zipfile.ZipFile(distribution) as archive:
        index = json.loads(archive.read("index.json"))
        (name,) = index["targets"][HERE]
        wheel = tmp_path / name
        wheel.write_bytes(archive.read(f"wheels/{name}"))
    again = write_distribution(tmp_path, "0.9.0", {HERE: (name,)}, [wheel], pip_wheel)
    assert again.read_bytes() == distribution.read_bytes()

"""`noc release`: build, sign and verify on the operator's machine; add and list on HQ."""

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from noc import __version__
from noc.cli.options import JsonOption
from noc.cli.output import err, out, print_json, print_table
from noc.errors import Usage
from noc.release.store import RELEASES, SIGNERS

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Build, sign, verify and list releases.")

SignersFile = Annotated[Path, typer.Option(help="Trusted signers, an OpenSSH allowed_signers file.")]
Store = Annotated[Path, typer.Option(help="Directory of releases.")]


@app.command()
def build(
    *,
    version: Annotated[str | None, typer.Option(help="Version of the release; this checkout's by default.")] = None,
    build: Annotated[
        int | None, typer.Option(min=1, help="Build number, rising; the count of commits by default.")
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Directory to write to; build/releases/VERSION-BUILD by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Pack the service and what it needs into one file that runs in place."""
    from noc.release.build import build as build_release  # noqa: PLC0415
    from noc.release.verify import sha256_of  # noqa: PLC0415

    package = _service_package()
    version = version or __version__
    number = build or _commit_count(package)
    directory = out_dir or Path("build/releases") / f"{version}-{number}"
    payload = build_release(package, directory, version=version, build_number=number)
    if as_json:
        digest, size = sha256_of(payload), payload.stat().st_size
        print_json({"path": str(payload), "version": version, "build": number, "sha256": digest, "size": size})
    else:
        out.print(payload, soft_wrap=True)
        err.print(f"clavitor {version} (build {number}), {payload.stat().st_size / 1024:.0f} KiB")


def _service_package() -> Path:
    from importlib.util import find_spec  # noqa: PLC0415

    spec = find_spec("clavitor")
    if spec is None or not spec.submodule_search_locations:
        raise Usage("the service's source is not installed here", fix="make setup")
    return Path(spec.submodule_search_locations[0])


def _commit_count(package: Path) -> int:
    git = ["git", "-C", str(package), "rev-list", "--count", "HEAD"]
    result = subprocess.run(git, capture_output=True, text=True, check=False, timeout=20)
    if result.returncode != 0:
        raise Usage("the service's source is no git checkout, so its build number is not known", fix="give --build N")
    return int(result.stdout)


@app.command()
def sign(
    target: Annotated[Path, typer.Argument(help="clavitor.pyz, or the directory that holds it.")],
    *,
    key: Annotated[Path | None, typer.Option(help="Signing key; the one that noc init made by default.")] = None,
    days: Annotated[float, typer.Option(min=0, help="Days until the manifest expires.")] = 90,
    as_json: JsonOption = False,
) -> None:
    """Write the manifest of a built release and sign it. On the operator's machine, never on HQ."""
    from noc.hub.identity import SIGNING_KEY, identity_directory  # noqa: PLC0415
    from noc.release.sign import sign as sign_release  # noqa: PLC0415

    manifest = sign_release(target, key or identity_directory() / SIGNING_KEY, days=days)
    if as_json:
        print_json(manifest.model_dump(mode="json"))
    else:
        out.print(f"{manifest.sha256}  {manifest.version} (build {manifest.build}), valid until {manifest.expires:%F}")


@app.command()
def verify(
    directory: Annotated[Path, typer.Argument(help="Directory of a signed release.")],
    *,
    signers: SignersFile = SIGNERS,
    as_json: JsonOption = False,
) -> None:
    """Check signature, signer, product, expiry, size and content of a release."""
    from noc.release.verify import verify as verify_release  # noqa: PLC0415

    manifest = verify_release(directory, signers)
    if as_json:
        print_json(manifest.model_dump(mode="json"))
    else:
        out.print(f"{manifest.sha256}  {manifest.version} (build {manifest.build}), signature good")


@app.command()
def add(
    directory: Annotated[Path, typer.Argument(help="Directory of a signed release.")],
    *,
    signers: SignersFile = SIGNERS,
    store: Store = RELEASES,
    as_json: JsonOption = False,
) -> None:
    """Verify a release and take it into HQ's store."""
    from noc.hub.asuser import run_as_owner  # noqa: PLC0415
    from noc.release.store import ReleaseStore, read_release  # noqa: PLC0415

    contents = read_release(directory)
    release, added = run_as_owner(store, ReleaseStore(store).add, contents, signers, directory)
    if as_json:
        print_json({"changed": added, **release.manifest.model_dump(mode="json")})
    else:
        out.print(release.sha256)
        err.print("added" if added else "already here, unchanged")


@app.command("list")
def list_releases(*, store: Store = RELEASES, as_json: JsonOption = False) -> None:
    """List the releases of HQ's store, the newest build first."""
    from noc.release.store import ReleaseStore  # noqa: PLC0415

    manifests = [release.manifest for release in ReleaseStore(store).list()]
    if as_json:
        print_json([manifest.model_dump(mode="json") for manifest in manifests])
        return
    print_table(
        ("release", "version", "build", "size", "signed", "expires"),
        [
            (m.sha256[:12], m.version, str(m.build), f"{m.size / 1024:.0f} KiB", f"{m.created:%F}", f"{m.expires:%F}")
            for m in manifests
        ],
    )

"""Making the images: root file systems from this machine's own Debian archive, and the packages they may install.

Everything is made in a directory aside and renamed when it is whole, so an interrupted build leaves no half image.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from noc.lab.commands import call, last_words
from noc.lab.errors import CommandFailed, ImageFailed
from noc.lab.recipe import ARCHIVE_ONLY, BARE, DISABLED, FILES, INTERNET, KEYRING, MASKED, WARM, Recipe
from noc.lab.repository import publish, signing_key
from noc.lab.sources import distribution

Tell = Callable[[str], None]
BUILD_S = 1200
KEPT_S = 14 * 86400
_UNDER_WAY = "building-"
_SCRATCH = "root/packages"
_ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")
"""In namespaces of its own: nothing that a step mounts or starts outlives it, however it ends."""


def ensure_images(cache: Path, tell: Tell) -> Path:
    """Return the directory of the image set (`bare`, `warm`, `internet`, `repository`); make it where it is missing.

    Args:
        cache: where image sets are kept.
        tell: where a line of progress goes.

    Raises:
        ImageFailed: a step of the build failed; nothing half made is left.
        LabNeeds: this machine has no archive to make images from.
    """
    recipe = Recipe(distribution(), os.uname().machine)
    images = cache / recipe.digest
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        for left in cache.glob(f"{_UNDER_WAY}*"):
            shutil.rmtree(left)
        if not images.is_dir():
            make(recipe, images, tell)
        os.utime(images)
        _prune(cache)
    return images


def _prune(cache: Path) -> None:
    """Remove image sets that nobody has used for two weeks."""
    for images in cache.iterdir():
        if images.is_dir() and images.stat().st_mtime < time.time() - KEPT_S:
            shutil.rmtree(images)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock against another build; the kernel lets go of it when the process ends, however it ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make(recipe: Recipe, images: Path, tell: Tell) -> None:
    """Make an image set whole, or nothing of it.

    Args:
        recipe: what it is made of.
        images: the directory that it becomes.
        tell: where a line of progress goes.

    Raises:
        ImageFailed: a step failed.
    """
    images.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=_UNDER_WAY, dir=images.parent))
    aside.chmod(0o755)
    try:
        _build(recipe, aside, tell)
        aside.rename(images)
    except CommandFailed as error:
        raise ImageFailed(
            "the lab's images could not be made", why=str(error.why), fix="noc lab up tries again"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _build(recipe: Recipe, aside: Path, tell: Tell) -> None:
    bare, repository = aside / "bare", aside / "repository"
    tell(f"making images from {recipe.distribution.codename}: base system")
    _base(recipe, bare)
    tell("downloading packages")
    repository.mkdir()
    _download(bare, repository)
    with tempfile.TemporaryDirectory(prefix="noc-lab-gpg-") as home:
        (bare / str(KEYRING)[1:]).write_bytes(signing_key(Path(home)))
        publish(repository, Path(home))
    tell("installing packages: warm and internet")
    with ThreadPoolExecutor() as pool:
        jobs = [
            pool.submit(_derive, bare, aside / image, packages, repository)
            for image, packages in (("warm", WARM), ("internet", INTERNET))
        ]
    for job in jobs:
        job.result()
    _finish(bare)


def _base(recipe: Recipe, root: Path) -> None:
    """debootstrap, then the distribution's updates."""
    base = recipe.distribution.base
    call(
        *_ALONE, "--mount-proc",
        "debootstrap", "--variant=minbase", f"--include={','.join(BARE)}", f"--components={','.join(base.components)}",
        base.suite, str(root), base.uri, timeout_s=BUILD_S,
    )  # fmt: skip
    (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    for file in ("hosts", "resolv.conf"):
        shutil.copy(Path("/etc") / file, root / "etc" / file)
    (root / "etc/apt/sources.list").write_text(recipe.distribution.sources_list())
    (root / "etc/apt/apt.conf.d/host").write_text(_proxies())
    _inside(root, "apt-get", "update")
    _inside(root, "apt-get", "dist-upgrade", "--yes", "--no-install-recommends")


def _proxies() -> str:
    """This machine's own way to its archive: apt's proxy settings."""
    settings = call("apt-config", "dump", "--format", '%F "%v";%n')
    return "".join(
        f"{line}\n" for line in settings.splitlines() if "proxy" in line.lower() and not line.endswith('"";')
    )


def _download(root: Path, repository: Path) -> None:
    """Fetch what `warm`, `internet` and the archive have more than `bare`, dependencies included."""
    archives = root / _SCRATCH
    (archives / "partial").mkdir(parents=True)
    _inside(
        root, "apt-get", "install", "--yes", "--download-only", "--no-install-recommends",
        "-o", f"Dir::Cache::Archives=/{_SCRATCH}", *WARM, *INTERNET, *ARCHIVE_ONLY,
    )  # fmt: skip
    for deb in archives.glob("*.deb"):
        deb.rename(repository / deb.name.replace("%3a", "_"))
    shutil.rmtree(archives)
    _inside(root, "apt-get", "clean")


def _derive(bare: Path, root: Path, packages: tuple[str, ...], repository: Path) -> None:
    """A copy of `bare` with packages from the repository."""
    call("cp", "-a", "--reflink=auto", str(bare), str(root), timeout_s=BUILD_S)
    scratch = root / _SCRATCH
    call("cp", "-al", str(repository), str(scratch))
    (root / "etc/apt/sources.list").write_text(f"deb [signed-by={KEYRING}] copy:/{_SCRATCH} ./\n")
    _inside(root, "apt-get", "update")
    _inside(root, "apt-get", "install", "--yes", "--no-install-recommends", *packages)
    _inside(root, "apt-get", "clean")
    shutil.rmtree(scratch)
    _finish(root)


def _finish(root: Path) -> None:
    """Take away what belongs to one machine or to the build, and give what every machine of the lab has."""
    for pattern in ("etc/ssh/ssh_host_*", "usr/sbin/policy-rc.d", "etc/apt/apt.conf.d/host", "var/lib/apt/lists/*_*"):
        for path in root.glob(pattern):
            path.unlink()
    (root / "etc/machine-id").write_text("")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for unit in MASKED:
        mask = root / "etc/systemd/system" / unit
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")
    for wanted in root.glob("etc/systemd/system/*.wants/*"):
        if wanted.name in DISABLED:
            wanted.unlink()


def _inside(root: Path, *argv: str) -> None:
    """Run a program with `root` as its root."""
    try:
        call(
            *_ALONE, f"--mount-proc={root}/proc",
            "chroot", str(root), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
            "LC_ALL=C.UTF-8", *_proxy_environment(), *argv, timeout_s=BUILD_S,
        )  # fmt: skip
    except CommandFailed as error:
        raise CommandFailed(
            f"{argv[0]} failed in {root.name}", why=f"{' '.join(argv[:3])}: {last_words(error.why)}"
        ) from error


def _proxy_environment() -> list[str]:
    return [
        f"{key}={value}"
        for key, value in os.environ.items()
        if key.lower() in {"http_proxy", "https_proxy", "no_proxy"}
    ]

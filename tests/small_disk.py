"""A small disk for tests, which can be filled and broken."""

import os
import subprocess
from pathlib import Path


class Disk:
    """A small ext4 file system of its own, which can be filled and broken."""

    def __init__(self, folder: Path) -> None:
        self.image, self.folder = folder / "image", folder / "disk"

    def mount(self) -> None:
        """Make it and mount it."""
        with self.image.open("wb") as image:
            image.truncate(24_000_000)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", self.image], check=True)
        self.folder.mkdir()
        subprocess.run(["mount", "-o", "loop", self.image, self.folder], check=True)

    def fill(self) -> None:
        """Leave no byte."""
        filler = os.open(self.folder / "filler", os.O_CREAT | os.O_WRONLY)
        try:
            for size in (1_000_000, 4_096, 1):
                try:
                    while True:
                        os.write(filler, b"x" * size)
                except OSError:
                    continue
        finally:
            os.close(filler)

    def free(self) -> None:
        """Give the room back."""
        (self.folder / "filler").unlink()

    def turn_read_only(self) -> None:
        """As the kernel does after an error of the disk: also files that are open take nothing more."""
        subprocess.run(["mount", "-o", "remount,abort", self.folder], check=True)

    def unmount(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "-l", self.folder], check=True)

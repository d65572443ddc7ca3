"""Where this machine's own distribution comes from: its apt sources, which the lab's images are made from too."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from noc.lab.errors import LabNeeds

_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>[^#]+)")
_OWN_KEYRING = re.compile(r"(debian|ubuntu)-archive")


@dataclass(frozen=True)
class Source:
    """One suite of one archive (sources.list(5))."""

    uri: str
    suite: str
    components: tuple[str, ...]


@dataclass(frozen=True)
class Distribution:
    """This machine's distribution: its release's name, and the archives of it that apt uses."""

    codename: str
    sources: tuple[Source, ...]

    @property
    def base(self) -> Source:
        """The archive of the release itself."""
        return next(source for source in self.sources if source.suite == self.codename)

    def sources_list(self) -> str:
        """All of the sources, one a line."""
        return "".join(f"deb {s.uri} {s.suite} {' '.join(s.components)}\n" for s in self.sources)


def parse_one_line(text: str) -> list[Source]:
    """Sources of a `sources.list`, other makers' archives left out."""
    matches = (_ONE_LINE.match(line.strip()) for line in text.splitlines())
    return [
        Source(match["uri"], match["suite"], tuple(match["components"].split()))
        for match in matches
        if match and _is_own(dict(re.findall(r"([\w-]+)=(\S+)", match["options"] or "")).get("signed-by", ""))
    ]


def parse_deb822(text: str) -> list[Source]:
    """Sources of a `.sources` file, other makers' archives and disabled ones left out."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        if not _is_own(fields.get("signed-by", "")):
            continue
        components = tuple(fields.get("components", "").split())
        found += [Source(u, s, components) for u in fields["uris"].split() for s in fields["suites"].split()]
    return found


def _fields(stanza: str) -> dict[str, str]:
    fields, key = dict[str, str](), ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in {" ", "\t"} and key:
            fields[key] += " " + line.strip()
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
    return fields


def _is_own(signed_by: str) -> bool:
    return not signed_by or bool(_OWN_KEYRING.search(signed_by))


def distribution(etc: Path = Path("/etc")) -> Distribution:
    """Read this machine's release and apt sources.

    Raises:
        LabNeeds: it is not Debian's kind, or apt has no archive of the release itself.
    """
    release = dict(line.split("=", 1) for line in (etc / "os-release").read_text().splitlines() if "=" in line)
    codename = release.get("VERSION_CODENAME", "").strip('"')
    sources = [source for source in _all_sources(etc / "apt") if source.suite.split("-")[0] == codename]
    chosen = Distribution(codename, tuple(dict.fromkeys(s for s in sources if "main" in s.components)))
    if not any(source.suite == codename for source in chosen.sources):
        raise LabNeeds(
            "the lab cannot make its images",
            why=f"apt's sources on this machine have no archive of {codename or 'its release'}",
            fix="use Debian 12 or Ubuntu 24.04 or later, with the distribution's archive in apt's sources",
        )
    return chosen


def _all_sources(apt: Path) -> Iterable[Source]:
    for file in [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))]:
        if file.is_file():
            yield from parse_one_line(file.read_text())
    for file in sorted((apt / "sources.list.d").glob("*.sources")):
        yield from parse_deb822(file.read_text())

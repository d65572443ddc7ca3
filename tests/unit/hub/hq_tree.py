"""An HQ's files below a directory of a test: what a backup is made from, and put back to."""

import shutil
import sqlite3
from pathlib import Path

from pyrage import x25519

from noc.mesh.keys import generate
from unit.hub.hub_kit import EXAMPLE


def write_hq(root: Path, identity: x25519.Identity) -> None:
    """Fleet, keys, trust, a journal, the audit, a fence, a release, a watch's database; what is not taken, too."""
    fleet = root / "etc/noc"
    shutil.copytree(EXAMPLE, fleet)
    (fleet / ".git/refs/heads").mkdir(parents=True)
    (fleet / ".git/HEAD").write_text("ref: refs/heads/main\n")
    texts = {
        "etc/noc-credentials/hub_wg_key": generate()[0] + "\n",
        "etc/noc-credentials/ssh_key": "a private key\n",
        "etc/noc-trust/recipients": f"# operator\n{identity.to_public()}\n",
        "etc/noc-trust/signers": "operator ssh-ed25519 AAAA\n",
        "var/lib/noc/runs/20260302T070000000-00aa/journal.jsonl": '{"seq": 1}\n',
        "var/lib/noc/runs/fence": "41",
        "var/lib/noc/audit/audit.jsonl": '{"seq": 1}\n',
        "var/lib/noc/releases/aa/clavitor.pyz": "x" * 70_000,
        "var/lib/noc/backups/virginia/chunk": "left out",
        "var/lib/noc/lease.json": "left out",
        "var/lib/noc-tunnel/endpoints.json": "{}\n",
        "var/lib/noc-bot/state.json": '{"offset": 7}\n',
    }
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in ("hub_wg_key", "ssh_key"):
        (root / "etc/noc-credentials" / name).chmod(0o600)
    (root / "var/lib/noc/closures").symlink_to("/nix/store")
    (root / "var/lib/noc-watch").mkdir()
    with sqlite3.connect(root / "var/lib/noc-watch/watch.db") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE heartbeats (node TEXT)")
        database.executemany("INSERT INTO heartbeats VALUES (?)", [(f"node-{n}",) for n in range(5_000)])
    database.close()

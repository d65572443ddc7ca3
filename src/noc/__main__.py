"""`python -m noc`, the same as `noc`."""

from noc.cli.main import run

run()

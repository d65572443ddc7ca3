"""noc: runs one small service on many independent machines."""

__version__ = "0.1.0"

"""Data of nodes: backed up to HQ, rehearsed, put back, and taken to another machine."""

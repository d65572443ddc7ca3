"""Faults made on purpose, and what is seen of them: alert, recovery, and how long both took."""

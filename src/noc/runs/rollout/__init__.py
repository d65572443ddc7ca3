"""Changing what nodes run, one proven node after the other."""

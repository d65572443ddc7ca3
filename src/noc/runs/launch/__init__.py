"""Machines at a cloud: made for a node, ended, taken over from elsewhere, and what can stop that."""

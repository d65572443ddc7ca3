"""A node that has lost its tunnel, and machines whose addresses change."""

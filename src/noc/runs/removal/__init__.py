"""A node that leaves the fleet, and a person who does."""

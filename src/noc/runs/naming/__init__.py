"""The fleet's names: its records brought to what the fleet needs, and the domain itself, which one node answers."""

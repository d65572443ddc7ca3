"""The fleet as a run finds it: its book, and the ways to nodes, watch and public names."""

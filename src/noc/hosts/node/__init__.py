"""Standard-library programs that are copied to a node; they import nothing of noc."""

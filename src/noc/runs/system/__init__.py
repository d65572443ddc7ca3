"""The weekly update of the nodes' systems, and what becomes of NixOS systems once they are proven."""

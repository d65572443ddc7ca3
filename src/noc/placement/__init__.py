"""Where tenants live: their ids, the directory, and the decision on a node. Pure: bytes and values in, values out."""

"""The second witness: HQ asks each live node's public address, as a stranger would."""

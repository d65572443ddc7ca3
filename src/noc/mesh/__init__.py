"""WireGuard: addresses, configurations of hub and spokes, and what a tunnel's counters mean."""

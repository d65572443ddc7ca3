"""What others offer the fleet: machines, names, prices. Each service stands behind a thin port of ours."""

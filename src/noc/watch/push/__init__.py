"""The door for the nodes: Uptime Kuma's wire, telemetry, and what is refused."""

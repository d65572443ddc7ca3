"""What changes the fleet: plan, journal, runner, provisioning, rollout, and the health that decides."""

"""Commands: order, output and exit codes, nothing else."""

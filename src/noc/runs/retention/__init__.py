"""What HQ keeps, and what goes in time: runs, releases, backups."""

"""AWS EC2: one thin port a region, what a machine should be, and the calls that make it so."""

"""A stock Uptime Kuma 2.x, told what the fleet is: for those who stay with it."""

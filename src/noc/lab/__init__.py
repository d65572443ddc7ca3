"""A fleet of real hosts on this machine."""

"""One machine: the way to it, what it is, what is done to it, and the programs that run on it."""

"""The one process that holds the keys, its door, and its clients."""

"""Stand-ins for chat services and a model, one standard-library file each: the lab copies them to its internet."""

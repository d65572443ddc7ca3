"""What pushes, deaths and the passing of time mean: pure, without clock, socket or database."""

"""Making nodes of machines, and rotating their keys."""
